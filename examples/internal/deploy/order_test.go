//go:build linux

package deploy_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// TestOrder checks the order in which a process ends after SIGTERM: the probe
// fails; for the delay, all goes on, new streams included; streams are told when
// to come back, and end; the process ends.
func TestOrder(t *testing.T) {
	t.Parallel()
	p := sampletest.Start(t, "node", "-db", filepath.Join(t.TempDir(), "node.db"), "-delay", "2s", "-grace", "500ms")
	get := func(path string) int { return sampletest.Ask(t, http.MethodGet, p.URL+path).StatusCode }
	const events = "/events"
	early := sampletest.Open(t, p.URL+events)
	if got := get("/ready"); got != http.StatusOK {
		t.Errorf("probe before SIGTERM: got status %d, want 200", got)
	}
	p.Signal(syscall.SIGTERM)
	sampletest.Eventually(t, "probe that fails", func() bool { return get("/ready") == http.StatusServiceUnavailable })
	late := sampletest.Open(t, p.URL+events)
	published := sampletest.Ask(t, http.MethodPost, p.URL+"/publish/1")
	if published.StatusCode != http.StatusOK {
		t.Errorf("publishing in the delay: got %s, want 200", published.Status)
	}
	for name, s := range map[string]*sampletest.Stream{"early": early, "late": late} {
		if got := s.Next().Data; got != "1" {
			t.Errorf("%s stream in the delay: got event %q, want 1", name, got)
		}
		s.End()
		if raw := s.Raw.String(); strings.Count(raw, "retry: ") != 2 {
			t.Errorf("%s stream: got %q, want a time to reconnect at its beginning and at its end", name, raw)
		}
	}
	if code := p.Wait(); code != 0 {
		t.Errorf("the process: got status %d, want 0", code)
	}
}
