//nolint:bodyclose // The bodies are closed when their tests end.
package doctor_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/doctor"
)

const secret = "0123456789abcdef"

// get asks for a stream of the probe, until the test ends.
func get(t *testing.T, url string, fields ...string) *http.Response {
	t.Helper()
	transport := &http.Transport{}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatalf("request: %v", err)
	}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	resp, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Do(r)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	t.Cleanup(func() {
		_ = resp.Body.Close()
		transport.CloseIdleConnections()
	})
	return resp
}

func TestToken(t *testing.T) {
	t.Parallel()
	url := serve(t, doctor.Endpoint(doctor.EndpointConfig{Token: secret})).URL
	for _, token := range []string{"", "0123456789abcdeF", secret + "0"} {
		if resp := get(t, url, "Tidings-Probe-Token", token); resp.StatusCode != http.StatusForbidden {
			t.Errorf("token %q: got status %d, want 403", token, resp.StatusCode)
		}
		if _, err := doctor.Examine(t.Context(), doctor.Config{URL: url, Token: token}); !errors.Is(err, doctor.ErrToken) {
			t.Errorf("token %q: got error %v, want ErrToken", token, err)
		}
	}
	if resp := get(t, url, "Tidings-Probe-Token", secret); resp.StatusCode != http.StatusOK {
		t.Errorf("the token: got status %d, want 200", resp.StatusCode)
	}
}

// A probe that strangers reach is a mistake of the program.
func TestEndpointNeedsAGuard(t *testing.T) {
	t.Parallel()
	for _, cfg := range []doctor.EndpointConfig{{}, {Token: "short"}, {Token: "short", BehindLogin: true}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Endpoint(%+v): got no panic", cfg)
				}
			}()
			doctor.Endpoint(cfg)
		}()
	}
}

// Middleware of the app's comes first.
func TestMiddleware(t *testing.T) {
	t.Parallel()
	url := serve(t, doctor.Endpoint(doctor.EndpointConfig{BehindLogin: true, Gate: core.GateConfig{
		Middleware: []core.Middleware{func(s *core.Handshake) error {
			if s.Request().Header.Get("Cookie") == "" {
				return core.Refuse(http.StatusUnauthorized, "Who are you?")
			}
			return nil
		}},
	}})).URL
	if got := codes(examine(t, doctor.Config{URL: url})); got != "status" {
		t.Errorf("without a login: got %q, want status", got)
	}
	if resp := get(t, url, "Cookie", "session=1"); resp.StatusCode != http.StatusOK {
		t.Errorf("with one: got status %d, want 200", resp.StatusCode)
	}
}

// A stream over the bound is refused, and one that has ended makes room.
func TestMaxStreams(t *testing.T) {
	t.Parallel()
	url := serve(t, doctor.Endpoint(doctor.EndpointConfig{BehindLogin: true, MaxStreams: 1})).URL
	resp := get(t, url)
	if refused := get(t, url, "Accept", "text/event-stream"); refused.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a second stream: got status %d, want 429", refused.StatusCode)
	}
	if _, err := doctor.Examine(t.Context(), doctor.Config{URL: url}); !errors.Is(err, doctor.ErrBusy) {
		t.Errorf("Examine: got error %v, want ErrBusy", err)
	}
	_ = resp.Body.Close()
	began := time.Now()
	r, err := doctor.Examine(t.Context(), doctor.Config{URL: url, Idle: -1, Watch: -1})
	for errors.Is(err, doctor.ErrBusy) && time.Since(began) < 20*time.Second { // the stream may not be over yet
		r, err = doctor.Examine(t.Context(), doctor.Config{URL: url, Idle: -1, Watch: -1})
	}
	if err != nil || !r.Healthy() || !strings.Contains(text(r), "the probe is busy") {
		t.Errorf("a probe with room for one: got %+v, %v", r, err)
	}
}

func TestPlans(t *testing.T) {
	t.Parallel()
	const run = "run=00000000000000000000000000000000"
	url := serve(t, doctor.Endpoint(doctor.EndpointConfig{BehindLogin: true, MaxTime: time.Second})).URL
	for _, plan := range []string{
		"%", "run=1", run, run + "&before=1&after=1&every=0&pause=0",
		strings.ToUpper(run) + "&record=1", "run=0000000000000000000000000000000g&record=1",
		run + "&before=-1&after=1&every=20&pause=0", run + "&before=1e3&after=0&every=20&pause=0",
		run + "&before=100&after=0&every=20&pause=0", run + "&before=1&after=0&every=20&pause=1000",
		run + "&before=9999999999999999999&after=0&every=20&pause=0", run + "&record=1" + strings.Repeat("0", 256),
	} {
		if resp := get(t, url, "Tidings-Probe", plan); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("plan %q: got status %d, want 400", plan, resp.StatusCode)
		}
	}
	body, err := io.ReadAll(get(t, url, "Tidings-Probe", run+"&before=1&after=1&every=20&pause=20").Body)
	if got := strings.Count(string(body), "\nevent: "); err != nil || got != 4 {
		t.Errorf("a plan: got error %v and %d events, want 4, in %q", err, got, body)
	}
	began := time.Now()
	for { // the probe takes note of an end when the connection is closed
		body, err = io.ReadAll(get(t, url, "Tidings-Probe", run+"&record=1").Body)
		if err == nil && strings.Contains(string(body), `"known":true,"ended":true,"left":false`) {
			break
		}
		if err != nil || time.Since(began) > 20*time.Second {
			t.Fatalf("its record: got error %v and %q", err, body)
		}
	}
	if _, err := doctor.Examine(t.Context(), doctor.Config{URL: url}); err == nil {
		t.Error("Examine: got no error of a probe that allows no timeline")
	}
}

// The streams of the probe end when their server shuts down.
func TestShutdown(t *testing.T) {
	t.Parallel()
	server := serve(t, probe(core.AutoConn))
	resp := get(t, server.URL)
	lines := bufio.NewReader(resp.Body)
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatalf("a line: %v", err)
	}
	if err := server.Config.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: got error %v", err)
	}
	if rest, err := io.ReadAll(lines); err != nil || strings.Contains(string(rest), "event: tidings-end") {
		t.Errorf("the stream: got error %v and %q, want an early end", err, rest)
	}
}
