//nolint:thelper // These are tests: a failure is at a line of theirs.
package core_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// servedSessions cuts clients' connections after the channels of their streams were
// changed. They reconnect to the changed channels.
func servedSessions(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{Middleware: []core.Middleware{ssetest.Membership}})
	f.Get("/", gate.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		name := h.Request().URL.Query().Get("name")
		return core.Subscription{Channels: []string{"a"}, SessionKey: name}, nil
	}))
	f.Get("/private", gate.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		name := h.PrivateChannel()
		h.SetValue(valueKey{}, name)
		return core.Subscription{Channels: []string{"a", name}, SessionKey: "private"}, nil
	}))
	f.Start(t)
	wantStreamChannels := func(s *core.Stream, what string, want ...string) {
		t.Helper()
		if got := s.Channels(); !slices.Equal(got, want) {
			t.Errorf("channels of %s: got %q, want %q", what, got, want)
		}
	}
	const path = "/?user=ann&name=tab-1"
	first, r := f.Connect(t, path)
	change(t, first, []string{"b", "c"}, []string{"a"})
	f.Publish(t, "b", core.Event{Data: "b1"})
	for r.Message(t).Data != "b1" {
	}
	last := f.Mark(t)
	f.Publish(t, "a", core.Event{Data: "no"})
	f.Publish(t, "c", core.Event{Data: "c1"})
	f.Publish(t, "b", core.Event{Data: "b2"})
	f.End(t, "c")
	// The first stream is still open.
	second, again := f.Connect(t, path, ssetest.LastEventID(last)...)
	wantStreamChannels(second, "a client that reconnects", "b", "c")
	if got := again.Events(t); !slices.Equal(got, []string{"c1", "b2"}) {
		t.Errorf("events: got %q, want those that it missed", got)
	}
	for other, what := range map[string]string{
		"/?user=bob&name=tab-1": "another identity", "/?name=tab-1": "no identity",
		"/?user=ann&name=tab-2": "another name", "/?user=ann": "no name", "/?user=tab-1&name=ann": "name and identity exchanged",
	} {
		s, _ := f.Connect(t, other)
		wantStreamChannels(s, what, "a")
	}
	r.Cancel()
	f.Closed(t)
	again.Cancel() // its channels were not changed
	f.Closed(t)
	third, r := f.Connect(t, path)
	wantStreamChannels(third, "a client that reconnects again", "b", "c")
	change(t, third, nil, []string{"b", "c"})
	r.Cancel()
	f.Closed(t)
	fourth, r := f.Connect(t, path, ssetest.LastEventID(last)...)
	wantStreamChannels(fourth, "a client that had none")
	change(t, fourth, []string{"d"}, nil)
	f.Publish(t, "d", core.Event{Data: "d1"})
	f.End(t, "d")
	if got := r.Events(t); !slices.Equal(got, []string{"d1"}) {
		t.Errorf("events: got %q, want d1", got)
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, name := range []string{strings.Repeat("x", core.MaxChannelBytes+1), "%00"} {
			got := f.Client(t).Send(t, method, "/?name="+name, nil)
			if got.StatusCode != http.StatusBadRequest {
				t.Errorf("%s with a name of %d bytes: got %s, want 400", method, len(name), got.Status)
			}
			f.Closed(t)
		}
	}
	// A stream has a private channel of its own, and none of the stream before.
	s, r := f.Connect(t, "/private")
	change(t, s, []string{"b"}, []string{"a"})
	r.Cancel()
	f.Closed(t)
	s, _ = f.Connect(t, "/private")
	own, _ := s.Value(valueKey{}).(string)
	wantStreamChannels(s, "a stream with a private channel", "b", own)
}
