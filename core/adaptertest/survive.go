//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// testSurvival has a hub drain. A client of EventSource's kind is sent a stream
// that ends at once, others are sent the status; the readiness probe fails.
func testSurvival(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{})
	f.Get("/channel", gate.Subscribe("a"))
	f.Get("/handler", gate.Handle(wait))
	f.Get("/ready", core.Readiness(f.Hub))
	f.Start(t)
	c := f.Client(t)
	want := func(path string, status int, body string, header ...string) {
		t.Helper()
		r := c.Get(t, path, header...)
		if got := r.Text(t); r.StatusCode != status || !strings.HasSuffix(got, body) {
			t.Errorf("GET %s %q: got %s with %q, want %d with %q", path, header, r.Status, got, status, body)
		}
		if got := r.Header.Get("Content-Type"); status == http.StatusOK && header != nil && got != "text/event-stream" {
			t.Errorf("GET %s, Content-Type: got %q, want text/event-stream", path, got)
		}
	}
	want("/ready", http.StatusOK, "ready\n")
	if err := f.Hub.Drain(t.Context()); err != nil {
		t.Fatalf("Drain: %v", err)
	}
	want("/ready", http.StatusServiceUnavailable, "not ready\n")
	const message = "The server is shutting down. Try again soon.\n"
	for _, path := range []string{"/channel", "/handler"} {
		want(path, http.StatusOK, "\n\n: "+message+"\n", "Accept", "text/event-stream")
		want(path, http.StatusServiceUnavailable, message)
	}
	f.Empty(t)
}
