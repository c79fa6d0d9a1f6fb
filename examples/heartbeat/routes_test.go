package heartbeat_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/examples/heartbeat"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// TestStreams checks that each client has a sequence of its own, and goes on
// with it when it comes back.
func TestStreams(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := sampletest.Start(t, framework)
			one := sampletest.Open(t, p.URL+heartbeat.Path)
			first := check(t, one.Next(), 1)
			if second := check(t, one.Next(), 2); !second.After(first) {
				t.Errorf("got a heartbeat at %v after one at %v, want a later one", second, first)
			}
			if raw := one.Raw.String(); !strings.HasPrefix(raw, "retry: 500\n") {
				t.Errorf("a stream's beginning: got %.40q, want a retry of 500 ms", raw)
			}
			one.Cut()

			again := sampletest.Open(t, p.URL+heartbeat.Path, "Last-Event-ID", "2")
			check(t, again.Next(), 3)
			check(t, sampletest.Open(t, p.URL+heartbeat.Path+"?lastEventId=41").Next(), 42)
			other := sampletest.Open(t, p.URL+heartbeat.Path)
			check(t, other.Next(), 1)
			p.Interrupt(again, other)
		})
	}
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := sampletest.Start(t, framework)
			const html, events = "text/html; charset=utf-8", "text/event-stream"
			for _, tt := range []struct {
				method, path string
				status       int
				kind, body   string // "" where it does not matter
			}{
				{"GET", "/", 200, html, string(heartbeat.Page())},
				{"HEAD", "/", 200, html, ""},
				{"HEAD", heartbeat.Path, 200, events, ""},
				{"POST", "/", 405, "", ""},
				{"PUT", heartbeat.Path, 405, "", ""},
				{"DELETE", heartbeat.Path, 405, "", ""},
				{"GET", "/rest/default", 404, "", ""},
				{"GET", heartbeat.Path + "?lastEventId=%00", 400, "", ""},
			} {
				got := sampletest.Ask(t, tt.method, p.URL+tt.path)
				kind := got.Header.Get("Content-Type")
				if got.StatusCode != tt.status || tt.kind != "" && kind != tt.kind || tt.body != "" && got.Text != tt.body {
					t.Errorf("%s %s: got %s, %s and %d bytes, want %d, %s and %d bytes",
						tt.method, tt.path, got.Status, kind, len(got.Text), tt.status, tt.kind, len(tt.body))
				}
				if allow := got.Header.Get("Allow"); tt.status == 405 && allow != "GET, HEAD" {
					t.Errorf("%s %s: got Allow %q, want GET, HEAD", tt.method, tt.path, allow)
				}
			}
			got := sampletest.Ask(t, http.MethodGet, p.URL+heartbeat.Path, "Accept", "image/png")
			if got.StatusCode != http.StatusNotAcceptable {
				t.Errorf("a picture: got %s, want 406", got.Status)
			}
		})
	}
}
