//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// wraps is errors.Is, for messages that show the error itself.
func wraps(err, target error) bool { return errors.Is(err, target) }

func testHeartbeats(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	gate := b.gate(core.GateConfig{Heartbeat: 20e6})
	b.get("/handler", gate.Handle(wait))
	b.get("/channel", gate.Subscribe("news"))
	b.start(t)
	for _, path := range []string{"/handler", "/channel"} {
		r := b.client(t).open(t, path)
		r.greeted(t)
		if path == "/channel" {
			r.mustBlock(t) // where it stands
		}
		for range 5 {
			if got := r.mustBlock(t); !strings.HasPrefix(got, ":") {
				t.Fatalf("%s, heartbeat: got %q, want a comment", path, got)
			}
		}
	}
}

// testClientGone has clients of all kinds leave in all ways. Nothing is ever
// written that could tell of it.
func testClientGone(t *testing.T, e env) {
	ways := []struct {
		name  string
		leave func(c *client, r *reply)
	}{
		{"FIN", func(c *client, _ *reply) { c.cut(false) }},
		{"RST", func(c *client, _ *reply) { c.cut(true) }},
		{"cancel", func(_ *client, r *reply) { r.close() }},
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
				b, causes := goneBed(t, e)
				b.start(t)
				c := b.client(t)
				body := ""
				if kind.method == http.MethodPost {
					body = strings.Repeat("body ", 10_000)
				}
				r := c.send(t, kind.method, kind.path, strings.NewReader(body))
				r.greeted(t)
				if kind.path == "/channel" {
					r.mustBlock(t)
				} else {
					_ = receive(t, causes, "start of the handler")
				}
				if got := b.hub.Stats().Streams; got != 1 {
					t.Fatalf("open streams: got %d, want 1", got)
				}
				way.leave(c, r)
				b.wantGone(t, true)
				if kind.path == "/handler" {
					if got := receive(t, causes, "cause of the handler's context"); !wraps(got, core.ErrClientGone) {
						t.Errorf("cause of the handler's context: got %v, want ErrClientGone", got)
					}
				}
				b.empty(t)
			})
		}
	}
}

// testClientGoneEarly has clients leave that got no answer yet.
func testClientGoneEarly(t *testing.T, e env) {
	for _, reset := range []bool{false, true} {
		for _, path := range []string{"/once", "/slow", "/slow/channel"} {
			name := map[bool]string{false: "FIN", true: "RST"}[reset] + path
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b, causes := goneBed(t, e)
				began := make(chan struct{})
				until := func(s *core.Handshake) error {
					close(began)
					<-s.Done()
					causes <- context.Cause(s.Context())
					return s.Err()
				}
				b.get("/once", b.gate(core.GateConfig{}).OneShot(func(s *core.Handshake) (core.Event, error) {
					return core.Event{}, until(s)
				}))
				slow := b.gate(core.GateConfig{Middleware: []core.Middleware{until}})
				b.get("/slow", slow.Handle(wait))
				b.get("/slow/channel", slow.Subscribe("news"))
				b.start(t)
				c := b.client(t)
				answered := make(chan error, 1)
				go func() {
					r, err := c.do(http.MethodGet, path, nil)
					if err == nil {
						r.close()
					}
					answered <- err
				}()
				receive(t, began, "request")
				c.cut(reset)
				if err := receive(t, answered, "end of the request"); err == nil {
					t.Error("request on a connection that was cut: got an answer, want an error")
				}
				if got := receive(t, causes, "cause of the context"); !wraps(got, core.ErrClientGone) {
					t.Errorf("cause of the context: got %v, want ErrClientGone", got)
				}
				b.wantGone(t, false)
			})
		}
	}
}

// goneBed returns a bed whose handler tells that it runs, with a nil, and then
// why its context ended. It has no
// timeouts: only the client's disconnect can end a stream.
func goneBed(t *testing.T, e env) (*bed, chan error) {
	t.Helper()
	b := newBed(t, e, core.HubConfig{})
	causes := make(chan error, 2)
	gate := b.gate(core.GateConfig{})
	handler := gate.Handle(func(s *core.Sender) error {
		causes <- nil // it has begun
		<-s.Context().Done()
		causes <- context.Cause(s.Context())
		return nil
	})
	b.get("/handler", handler)
	b.post("/handler", handler)
	b.get("/channel", gate.Subscribe("news"))
	b.post("/channel", gate.Subscribe("news"))
	return b, causes
}

func (b *bed) wantGone(t *testing.T, opened bool) {
	t.Helper()
	sum := b.closed(t)
	if sum.Opened != opened || !wraps(sum.Reason, core.ErrClientGone) {
		t.Errorf("summary: got %+v, want ErrClientGone, opened %t", sum, opened)
	}
}
