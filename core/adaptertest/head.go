//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"net/http"
	"slices"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// wait is a handler that sends nothing.
func wait(s *core.Sender) error {
	<-s.Done()
	return s.Err()
}

func testHead(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{Middleware: []core.Middleware{func(s *core.Handshake) error {
		s.Header().Set("X-Gate", "passed")
		s.Header().Set("Set-Cookie", "gate=1")
		return nil
	}}})
	f.Get("/handler", gate.Handle(wait))
	f.Get("/channel", gate.Subscribe("news"))
	f.Start(t)
	for _, path := range []string{"/handler", "/channel"} {
		r := f.Client(t).Open(t, path, "Origin", "https://app.example", "X-Request-Id", "request-17")
		for name, want := range map[string]string{
			"Content-Type":                "text/event-stream",
			"Cache-Control":               "no-cache, no-transform",
			"X-Accel-Buffering":           "no",
			"X-Gate":                      "passed",
			"Access-Control-Allow-Origin": "*",
			"X-Request-Id":                "request-17",
		} {
			if got := r.Header.Values(name); len(got) != 1 || got[0] != want {
				t.Errorf("%s, header %s: got %q, want %q alone", path, name, got, want)
			}
		}
		if got, want := r.Header.Values("Set-Cookie"), []string{"framework=1", "gate=1"}; !slices.Equal(got, want) {
			t.Errorf("%s, cookies: got %q, want %q", path, got, want)
		}
		if got := r.Header.Values("Connection"); !e.Transport.HTTP1() && len(got) > 0 {
			t.Errorf("%s, header Connection on HTTP/2: got %q, want none", path, got)
		}
		if want := map[bool]int{true: 1, false: 2}[e.Transport.HTTP1()]; r.ProtoMajor != want {
			t.Errorf("%s, protocol: got %s, want HTTP/%d", path, r.Proto, want)
		}
		r.Prelude(t)
	}
}

func testGreeting(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{Middleware: []core.Middleware{
		func(s *core.Handshake) error { return s.Send(core.Event{Name: "hello", Data: s.Request().Method}) },
		func(s *core.Handshake) error { return s.Comment("noted") },
	}})
	f.Get("/handler", gate.Handle(func(s *core.Sender) error { return s.Send(core.Event{Data: "first"}) }))
	f.Get("/channel", gate.Subscribe("news"))
	f.Start(t)
	for _, path := range []string{"/handler", "/channel"} {
		r := f.Client(t).Open(t, path)
		r.Prelude(t)
		r.WantBlock(t, "event: hello\ndata: "+http.MethodGet+"\n\n")
		r.WantBlock(t, ": noted\n\n")
		if path == "/handler" {
			r.WantBlock(t, "data: first\n\n")
		}
	}
}

func testHeadRequest(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{})
	f.Get("/handler", gate.Handle(wait))
	f.Get("/channel", gate.Subscribe("news"))
	f.Get("/once", gate.OneShot(func(*core.Handshake) (core.Event, error) { return core.Event{Data: "now"}, nil }))
	f.Get("/no", gate.OneShot(func(*core.Handshake) (core.Event, error) { return core.Event{}, core.Finished() }))
	f.Start(t)
	c := f.Client(t)
	for _, path := range []string{"/handler", "/channel", "/once"} {
		r := c.Send(t, http.MethodHead, path, nil)
		if got := r.Header.Get("Content-Type"); r.StatusCode != http.StatusOK || got != "text/event-stream" {
			t.Errorf("HEAD %s: got %s and %q, want 200 and text/event-stream", path, r.Status, got)
		}
		if got := r.Text(t); got != "" {
			t.Errorf("HEAD %s, body: got %q, want none", path, got)
		}
		f.Closed(t)
		f.Empty(t)
		// The connection is in order if the next answer is.
		if got := c.Get(t, "/no"); got.StatusCode != http.StatusNoContent {
			t.Errorf("request after HEAD %s: got %s, want 204", path, got.Status)
		}
		f.Closed(t)
	}
	if !e.Transport.HTTP1() {
		return
	}
	if got := c.Conns(); got != 1 {
		t.Errorf("connections for HEAD and other requests: got %d, want 1", got)
	}
}
