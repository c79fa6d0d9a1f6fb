//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

func testHeartbeats(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{Heartbeat: 20e6})
	f.Get("/handler", gate.Handle(wait))
	f.Get("/channel", gate.Subscribe("news"))
	f.Start(t)
	for _, path := range []string{"/handler", "/channel"} {
		r := f.Client(t).Open(t, path)
		r.Prelude(t)
		if path == "/channel" {
			r.MustBlock(t) // its position
		}
		for range 5 {
			if got := r.MustBlock(t); !strings.HasPrefix(got, ":") {
				t.Fatalf("%s, heartbeat: got %q, want a comment", path, got)
			}
		}
	}
}

// testClientGone closes clients' connections in all ways, beside one that stays.
// The server writes nothing by which it could notice.
func testClientGone(t *testing.T, e ssetest.Env) {
	ways := []struct {
		name  string
		leave func(c *ssetest.Client, r *ssetest.Reply)
	}{
		{"FIN", func(c *ssetest.Client, _ *ssetest.Reply) { c.Cut(false) }},
		{"RST", func(c *ssetest.Client, _ *ssetest.Reply) { c.Cut(true) }},
		{"cancel", func(_ *ssetest.Client, r *ssetest.Reply) { r.Cancel() }},
	}
	kinds := []struct{ method, path string }{
		{http.MethodGet, "/handler"},
		{http.MethodPost, "/handler"},
		{http.MethodGet, "/channel"},
		{http.MethodPost, "/channel"},
	}
	for _, way := range ways {
		for _, kind := range kinds {
			t.Run(way.name+kind.path+" "+kind.method, func(t *testing.T) {
				t.Parallel()
				f, causes := newGone(t, e)
				f.Start(t)
				stays := f.Client(t).Open(t, "/channel")
				stays.Prelude(t)
				c := f.Client(t)
				body := ""
				if kind.method == http.MethodPost {
					body = strings.Repeat("body ", 10_000)
				}
				r := c.Send(t, kind.method, kind.path, strings.NewReader(body))
				r.Prelude(t)
				want := 2
				if kind.path == "/channel" {
					r.MustBlock(t)
				} else {
					_ = ssetest.Receive(t, causes, "start of the handler")
					want = 1
				}
				if all, got := f.Hub.Stats().Streams, f.Hub.Count("news"); all != 2 || got != want {
					t.Fatalf("open streams: got %d, %d on the channel, want 2 and %d", all, got, want)
				}
				way.leave(c, r)
				wantGone(t, f, true)
				if kind.path == "/handler" {
					if got := ssetest.Receive(t, causes, "cause of the handler's context"); !errors.Is(got, core.ErrClientGone) {
						t.Errorf("cause of the handler's context: got %v, want ErrClientGone", got)
					}
				}
				f.Streams(t, 1)
				if got := f.Hub.Count("news"); got != 1 {
					t.Errorf("streams on the channel: got %d, want 1", got)
				}
				f.End(t, "news")
				stays.WantData(t, "end")
			})
		}
	}
}

// testClientGoneEarly cuts connections of clients that wait for an answer.
func testClientGoneEarly(t *testing.T, e ssetest.Env) {
	for _, reset := range []bool{false, true} {
		for _, path := range []string{"/once", "/slow", "/slow/channel"} {
			name := map[bool]string{false: "FIN", true: "RST"}[reset] + path
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f, causes := newGone(t, e)
				began := make(chan struct{})
				until := func(s *core.Handshake) error {
					close(began)
					<-s.Done()
					causes <- context.Cause(s.Context())
					return s.Err()
				}
				f.Get("/once", f.Gate(core.GateConfig{}).OneShot(func(s *core.Handshake) (core.Event, error) {
					return core.Event{}, until(s)
				}))
				slow := f.Gate(core.GateConfig{Middleware: []core.Middleware{until}})
				f.Get("/slow", slow.Handle(wait))
				f.Get("/slow/channel", slow.Subscribe("news"))
				f.Start(t)
				c := f.Client(t)
				answered := make(chan error, 1)
				go func() {
					r, err := c.Do(http.MethodGet, path, nil)
					if err == nil {
						r.Cancel()
					}
					answered <- err
				}()
				ssetest.Receive(t, began, "request")
				c.Cut(reset)
				if err := ssetest.Receive(t, answered, "end of the request"); err == nil {
					t.Error("request on a connection that was cut: got an answer, want an error")
				}
				if got := ssetest.Receive(t, causes, "cause of the context"); !errors.Is(got, core.ErrClientGone) {
					t.Errorf("cause of the context: got %v, want ErrClientGone", got)
				}
				wantGone(t, f, false)
			})
		}
	}
}

// newGone returns a fixture in which only a disconnect ends a stream. Its handler
// sends nil when it begins, and then the cause of its context's end.
func newGone(t *testing.T, e ssetest.Env) (*ssetest.Fixture, chan error) {
	f := ssetest.New(t, e, core.HubConfig{})
	causes := make(chan error, 2)
	gate := f.Gate(core.GateConfig{})
	handler := gate.Handle(func(s *core.Sender) error {
		causes <- nil
		<-s.Context().Done()
		causes <- context.Cause(s.Context())
		return nil
	})
	for _, route := range []func(string, *core.Endpoint){f.Get, f.Post} {
		route("/handler", handler)
		route("/channel", gate.Subscribe("news"))
	}
	return f, causes
}

// wantGone checks that the next stream ends because its client is gone.
func wantGone(t *testing.T, f *ssetest.Fixture, opened bool) {
	t.Helper()
	sum := f.Closed(t)
	if sum.Opened != opened || !errors.Is(sum.Reason, core.ErrClientGone) {
		t.Errorf("summary: got %+v, want ErrClientGone, opened %t", sum, opened)
	}
}
