package broadcast_test

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/broadcast"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

const stream, ping = "/?mode=stream", "/?mode=broadcast"

// send broadcasts, and returns what the answer says.
func send(t *testing.T, p *sampletest.Program) string {
	t.Helper()
	got := sampletest.Ask(t, http.MethodGet, p.URL+ping)
	if got.StatusCode != http.StatusOK || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("broadcast: got %s, %v, want 200 and no caching", got.Status, got.Header)
	}
	return got.Text
}

func clients(n int) string { return fmt.Sprintf("Broadcasted to %d clients.", n) }

// TestBroadcast checks that all clients get the same event, and how many the
// answer says they are.
func TestBroadcast(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^Server time: ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}$`)
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := sampletest.Start(t, framework)
			if got := send(t, p); got != clients(0) {
				t.Errorf("without clients: got %q, want %q", got, clients(0))
			}
			one, other := sampletest.Open(t, p.URL+stream), sampletest.Open(t, p.URL+stream)
			if got := send(t, p); got != clients(2) {
				t.Errorf("two clients: got %q, want %q", got, clients(2))
			}
			got := one.Next()
			if got.Name != "ping" || !form.MatchString(got.Data) || got != other.Next() {
				t.Errorf("two clients: got %+v, want a ping with data like %v, the same for both", got, form)
			}

			one.Cut()
			begin, poll := time.Now(), time.NewTicker(5*time.Millisecond)
			defer poll.Stop()
			for send(t, p) != clients(1) {
				if time.Since(begin) > 5*time.Second {
					t.Fatal("after one has gone: got two clients for 5s, want one")
				}
				<-poll.C
			}
		})
	}
}

// TestResume checks that a client that comes back gets what it missed.
func TestResume(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := sampletest.Start(t, framework)
			all, one := sampletest.Open(t, p.URL+stream), sampletest.Open(t, p.URL+stream)
			send(t, p)
			last := one.Next().ID
			one.Cut()
			for range 3 {
				send(t, p)
			}
			want := all.Take(4)[1:]
			for i, ev := range sampletest.Open(t, p.URL+stream, "Last-Event-ID", last).Take(3) {
				if ev != want[i] {
					t.Errorf("missed event %d: got %+v, want %+v", i, ev, want[i])
				}
			}
			lost := sampletest.Open(t, p.URL+stream, "Last-Event-ID", "nonsense").Next()
			if lost.Name != core.ResetEvent {
				t.Errorf("after an unknown ID: got %+v, want a reset", lost)
			}
		})
	}
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := sampletest.Start(t, framework)
			all := sampletest.Open(t, p.URL+stream)
			const html, text, events = "text/html; charset=utf-8", "text/plain; charset=utf-8", "text/event-stream"
			page := string(broadcast.Page())
			for _, tt := range []struct {
				method, path string
				status       int
				kind, body   string // "" where it does not matter
			}{
				{"GET", "/", 200, html, page},
				{"GET", "/?mode=", 200, html, page},
				{"GET", "/?mode=nonsense&mode=stream", 200, html, page},
				{"GET", "/?MODE=%00", 200, html, page},
				{"HEAD", "/", 200, html, ""},
				{"HEAD", stream, 200, events, ""},
				{"HEAD", ping, 200, text, ""},
				{"POST", "/", 405, "", ""},
				{"POST", ping, 405, "", ""},
				{"DELETE", stream, 405, "", ""},
				{"GET", "/nothing", 404, "", ""},
				{"GET", ping, 200, text, clients(1)},
			} {
				got := sampletest.Ask(t, tt.method, p.URL+tt.path)
				kind := got.Header.Get("Content-Type")
				if got.StatusCode != tt.status || tt.kind != "" && kind != tt.kind || tt.body != "" && got.Text != tt.body {
					t.Errorf("%s %s: got %s, %s and %d bytes, want %d, %s and %d bytes",
						tt.method, tt.path, got.Status, kind, len(got.Text), tt.status, tt.kind, len(tt.body))
				}
				if tt.status == 405 && got.Header.Get("Allow") != "GET, HEAD" {
					t.Errorf("%s %s: got Allow %q, want GET, HEAD", tt.method, tt.path, got.Header.Get("Allow"))
				}
			}
			if got := sampletest.Ask(t, http.MethodGet, p.URL+stream, "Accept", "image/png"); got.StatusCode != http.StatusNotAcceptable {
				t.Errorf("a picture: got %s, want 406", got.Status)
			}
			// Only the last of them was to publish.
			first := all.Next()
			if at, ok := core.ParsePosition(first.ID); !ok || at.Seq != 1 {
				t.Errorf("the first event: got ID %q, want that of the first there is", first.ID)
			}
		})
	}
}

func TestEnd(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := sampletest.Start(t, framework)
			p.Interrupt(sampletest.Open(t, p.URL+stream), sampletest.Open(t, p.URL+stream))
		})
	}
}
