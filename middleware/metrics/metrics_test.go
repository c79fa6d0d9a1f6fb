package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/client"
	"github.com/tidings-go/tidings/internal/frameworktest"
	"github.com/tidings-go/tidings/middleware/metrics"
)

func ExampleNew() {
	hub := core.NewHub(core.HubConfig{})
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.New(hub, metrics.Config{Channels: []string{"stocks"}}))
	metricsPage := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})

	_, _ = hub.Publish(context.Background(), "stocks", core.Event{Data: "567.29"})
	w := httptest.NewRecorder()
	metricsPage.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "tidings_events_published_total") || strings.HasPrefix(line, "tidings_channel_streams") {
			fmt.Print(line)
		}
	}
	// Output:
	// tidings_channel_streams{channel="stocks"} 0
	// tidings_events_published_total 1
}

// limit is how long a test waits before it fails.
const limit = 15 * time.Second

// The same happens with every framework and every kind of connection, and the
// metrics are the same.
//
//nolint:paralleltest,thelper // Each ends before the next begins, so that none leaks into another.
func TestMetrics(t *testing.T) {
	frameworktest.Each(t, func(t *testing.T, mode core.ConnMode, serve func(frameworktest.Site) string) {
		hub := core.NewHub(core.HubConfig{RingEvents: 1})
		collector := metrics.New(hub, metrics.Config{Channels: []string{"news"}, Labels: prometheus.Labels{"hub": "main"}})
		defer collector.Close()
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(collector)
		gate := core.NewGate(hub, core.GateConfig{Conn: mode, Start: core.Earliest(), Middleware: []core.Middleware{refuseSome}})
		url := serve(frameworktest.Site{Hub: hub, Endpoints: map[string]*core.Endpoint{
			"/news": gate.Subscribe("news"),
			"/count": gate.Handle(func(s *core.Sender) error {
				return s.Send(core.Event{Data: "1"}, core.Event{Data: "2"})
			}),
		}})
		publish(t, hub, "1", "2", "3")
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		readAll(ctx, t, url+"/count?token=hidden")
		eventually(t, func() bool { return hub.Stats().Closed["closed"] == 1 })
		read(ctx, t, url+"/count?refuse=1&token=hidden", "", nil)
		read(ctx, t, url+"/news?token=hidden", "live", func(data string) {
			switch {
			case data == "3": // all of history
				wantMetrics(t, registry, `tidings_streams{hub="main"} 1`, `tidings_channel_streams{channel="news",hub="main"} 1`)
				publish(t, hub, "more")
			case data == "more" && collected(t, registry, "tidings_delivery_delay_seconds") == 0:
				publish(t, hub, "more") // what was sent together with history is no sample
			case data == "more":
				publish(t, hub, "live")
			}
		})
		eventually(t, func() bool {
			return hub.Stats().Closed["client_gone"] == 1 && collected(t, registry, "tidings_stream_duration_seconds") == 2
		})
		published := hub.Stats().Published
		wantMetrics(t, registry,
			`tidings_streams{hub="main"} 0`,
			`tidings_streams_opened_total{hub="main"} 2`,
			`tidings_streams_refused_total{hub="main",reason="forbidden"} 1`,
			`tidings_streams_closed_total{hub="main",reason="closed"} 1`,
			`tidings_streams_closed_total{hub="main",reason="client_gone"} 1`,
			`tidings_streams_closed_total{hub="main",reason="slow"} 0`,
			`tidings_stream_open_seconds_count{hub="main"} 2`,
			`tidings_stream_duration_seconds_count{hub="main"} 2`,
			`tidings_stream_duration_seconds_bucket{hub="main",le="86400"} 2`,
			fmt.Sprintf(`tidings_events_published_total{hub="main"} %d`, published),
			fmt.Sprintf(`tidings_events_delivered_total{hub="main"} %d`, published+2),
			fmt.Sprintf(`tidings_store_duration_seconds_count{hub="main",op="append"} %d`, published),
			`tidings_store_errors_total{hub="main",op="append"} 0`,
			`tidings_lagging_streams{hub="main"} 0`,
			`tidings_drops_total{hub="main",policy="skip"} 0`,
			`tidings_resets_total{hub="main",reason="skipped"} 0`,
		)
		problems, err := testutil.GatherAndLint(registry)
		if err != nil || len(problems) > 0 {
			t.Errorf("lint: got %v, %v, want nothing", problems, err)
		}
	})
}

func refuseSome(h *core.Handshake) error {
	if h.Request().URL.Query().Get("refuse") != "" {
		return &core.Refusal{Status: http.StatusForbidden, Message: "No.", Err: errors.New("token=hidden")}
	}
	return nil
}

// read reads events up to one with this data, or the refusal.
func read(ctx context.Context, t *testing.T, url, until string, each func(data string)) {
	t.Helper()
	c, err := client.New(client.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	for ev, err := range c.Events(ctx) {
		if err != nil {
			if until != "" {
				t.Fatal(err)
			}
			return
		}
		if each != nil {
			each(ev.Data)
		}
		if ev.Data == until {
			return
		}
	}
}

// readAll reads a stream up to its end.
func readAll(ctx context.Context, t *testing.T, url string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err = io.Copy(io.Discard, answer.Body); err != nil {
		t.Error(err)
	}
}

// collected returns the number of observations of a histogram.
func collected(t *testing.T, registry *prometheus.Registry, name string) (n uint64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			n += family.GetMetric()[0].GetHistogram().GetSampleCount()
		}
	}
	return n
}

func publish(t *testing.T, hub *core.Hub, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := hub.Publish(t.Context(), "news", core.Event{Data: text}); err != nil {
			t.Fatal(err)
		}
	}
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	end := time.NewTimer(limit)
	defer end.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatal("got no end of waiting")
		}
	}
}

// exposition returns what Prometheus is told.
func exposition(t *testing.T, registry *prometheus.Registry) string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	if strings.Contains(w.Body.String(), "hidden") {
		t.Errorf("got a secret in the metrics: %s", w.Body)
	}
	return w.Body.String()
}

func wantMetrics(t *testing.T, registry *prometheus.Registry, lines ...string) {
	t.Helper()
	text := exposition(t, registry)
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") {
			name, _, _ := strings.Cut(line, "{")
			var got []string
			for line := range strings.Lines(text) {
				if strings.HasPrefix(line, name) {
					got = append(got, line)
				}
			}
			t.Errorf("want %s\ngot %s", line, strings.Join(got, ""))
		}
	}
}

// What clients and the app cause is no failure of the store.
func TestStoreErrors(t *testing.T) {
	t.Parallel()
	store := &failing{Store: core.NewMemoryStore(core.Retention{})}
	hub := core.NewHub(core.HubConfig{Store: store})
	defer func() { _ = hub.Close() }()
	collector := metrics.New(hub, metrics.Config{})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector)
	for _, err := range []error{
		core.ErrUnknownID, &core.GapError{}, core.ErrHubClosed, fmt.Errorf("a: %w", context.Canceled), errors.New("disk"), context.DeadlineExceeded,
	} {
		store.err = err
		if _, err := hub.Publish(t.Context(), "a", core.Event{}); err == nil {
			t.Error("got no error, want that of the store")
		}
	}
	wantMetrics(t, registry, `tidings_store_errors_total{op="append"} 2`, `tidings_store_duration_seconds_count{op="append"} 6`)
	collector.Close()
	collector.Close()
	_, _ = hub.Publish(t.Context(), "a", core.Event{})
	wantMetrics(t, registry, `tidings_store_errors_total{op="append"} 2`)
}

// failing is a store that takes no events.
type failing struct {
	core.Store

	err error
}

func (f *failing) Append(context.Context, []core.Record) ([]*core.Entry, error) { return nil, f.err }

// However many clients, channels and reasons there are, the number of time
// series stays below a bound.
func TestCardinality(t *testing.T) {
	t.Parallel()
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	collector := metrics.New(hub, metrics.Config{})
	defer collector.Close()
	status := 0
	gate := core.NewGate(hub, core.GateConfig{RefuseByStatus: true, Middleware: []core.Middleware{func(*core.Handshake) error {
		return core.Refuse(status, "No.")
	}}})
	for status = 300; status < 1000; status++ {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("/%d", status), http.NoBody)
		gate.Subscribe(fmt.Sprintf("channel %d", status)).ServeHTTP(httptest.NewRecorder(), r)
		if _, err := hub.Publish(t.Context(), fmt.Sprintf("channel %d", status), core.Event{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := testutil.CollectAndCount(collector); got > 60 {
		t.Errorf("metrics: got %d, want 60 at most", got)
	}
}
