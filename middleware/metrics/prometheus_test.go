package metrics_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware/metrics"
)

// promtool runs promtool, which the package prometheus of Debian has.
func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "promtool", args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil || stdin != "" && len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// dashboard returns the expressions of the dashboard, as Grafana would ask them.
func dashboard(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, panel := range board.Panels {
		if len(panel.Targets) == 0 {
			t.Errorf("panel %q has no expression", panel.Title)
		}
		for _, target := range panel.Targets {
			all = append(all, strings.NewReplacer("$job", ".*", "$instance", ".*", "$__rate_interval", "1m").Replace(target.Expr))
		}
	}
	return all
}

// ruleFile writes expressions as rules, for promtool.
func ruleFile(t *testing.T, exprs []string) string {
	t.Helper()
	var text strings.Builder
	fmt.Fprintln(&text, "groups:\n- name: dashboard\n  rules:")
	for i, expr := range exprs {
		fmt.Fprintf(&text, "  - record: panel:%d\n    expr: %q\n", i, expr)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPromtool(t *testing.T) {
	t.Parallel()
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	collector := metrics.New(hub, metrics.Config{Channels: []string{"a"}})
	defer collector.Close()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector)
	promtool(t, exposition(t, registry), "check", "metrics")
	promtool(t, "", "check", "rules", "alerts.yaml")
	promtool(t, "", "test", "rules", "alerts_test.yaml")
	promtool(t, "", "check", "rules", ruleFile(t, dashboard(t)))
}

// Every metric that the dashboard, the alerts and the documentation name exists,
// and every metric is documented.
func TestNames(t *testing.T) {
	t.Parallel()
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	collector := metrics.New(hub, metrics.Config{Channels: []string{"a"}})
	defer collector.Close()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var exist []string
	for _, family := range families {
		exist = append(exist, family.GetName())
	}
	name := regexp.MustCompile(`\btidings_[a-z_]+`)
	used := map[string][]string{"dashboard.json": name.FindAllString(strings.Join(dashboard(t), "\n"), -1)}
	for _, file := range []string{"alerts.yaml", "alerts_test.yaml", "doc.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		used[file] = name.FindAllString(string(text), -1)
	}
	for file, names := range used {
		if len(names) == 0 {
			t.Errorf("%s: got no metric", file)
		}
		for _, name := range names {
			if !slices.Contains(exist, strings.TrimSuffix(name, "_bucket")) {
				t.Errorf("%s: got %s, want a metric that exists", file, name)
			}
		}
	}
	for _, name := range exist {
		if !slices.Contains(used["doc.go"], name) {
			t.Errorf("doc.go: got no %s", name)
		}
		if !slices.Contains(used["dashboard.json"], name) && !slices.Contains(used["dashboard.json"], name+"_bucket") && name != "tidings_channel_streams" {
			t.Errorf("dashboard.json: got no %s", name)
		}
	}
}

// freePort returns an address of the loopback at which nothing listens. Prometheus
// takes no socket that listens already.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// startPrometheus scrapes a URL's host every second until the test ends, and
// returns Prometheus' own URL.
func startPrometheus(t *testing.T, target string) string {
	t.Helper()
	dir, addr := t.TempDir(), freePort(t)
	rules, err := filepath.Abs("alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs: [{job_name: app, static_configs: [{targets: [%q]}]}]
`, rules, strings.TrimPrefix(target, "http://"))
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	said := &bytes.Buffer{}
	cmd := exec.Command("prometheus", "--config.file", file, "--storage.tsdb.path", filepath.Join(dir, "data"),
		"--web.listen-address", addr, "--storage.tsdb.retention.size", "64MB")
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("prometheus said:\n%s", said)
		}
	})
	return "http://" + addr
}

// ask asks Prometheus for the value of an expression. ok is false as long as it
// does not answer.
func ask(ctx context.Context, server, expr string) (results []string, ok bool) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/api/v1/query?query="+url.QueryEscape(expr), http.NoBody)
	if err != nil {
		return nil, false
	}
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return nil, false
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	var data struct {
		Status string `json:"status"`
		Data   struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err != nil || json.Unmarshal(text, &data) != nil || data.Status != "success" {
		return nil, false
	}
	for _, r := range data.Data.Result {
		results = append(results, fmt.Sprint(r.Value[1]))
	}
	return results, true
}

// TestPrometheus has a real Prometheus scrape a hub with a stream, and asks it all
// that the dashboard asks.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	hub := core.NewHub(core.HubConfig{})
	collector := metrics.New(hub, metrics.Config{})
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector)
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.Handle("/news", core.Subscribe(hub, "news"))
	site := httptest.NewServer(mux)
	defer func() {
		collector.Close()
		_ = hub.Close()
		site.Close()
	}()
	ctx, cancel := context.WithCancel(t.Context())
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		read(ctx, t, site.URL+"/news", "", nil)
	}()
	defer func() {
		cancel()
		<-reading
	}()
	eventually(t, func() bool { return hub.Stats().Streams == 1 })
	server := startPrometheus(t, site.URL)
	eventually(t, func() bool {
		got, _ := ask(t.Context(), server, "rate(tidings_events_delivered_total[1m]) > 0")
		if len(got) == 0 {
			publish(t, hub, "1")
		}
		return len(got) == 1
	})
	if got, _ := ask(t.Context(), server, "tidings_streams"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("tidings_streams: got %v, want 1", got)
	}
	for _, expr := range dashboard(t) {
		if got, ok := ask(t.Context(), server, expr); !ok || len(got) == 0 {
			t.Errorf("%s: got %v, %t, want a value", expr, got, ok)
		}
	}
	if got, ok := ask(t.Context(), server, "ALERTS"); !ok || len(got) > 0 {
		t.Errorf("alerts: got %v, %t, want none", got, ok)
	}
}
