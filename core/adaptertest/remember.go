//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// testRemember has clients lose their connections after their channels were
// changed. They come back to those that they had.
func testRemember(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	m := newMembers(b)
	gate := b.gate(core.GateConfig{Middleware: []core.Middleware{m.middleware, belong}})
	b.get("/", gate.SubscribeFunc(func(s *core.Handshake) (core.Subscription, error) {
		name := s.Request().URL.Query().Get("name")
		return core.Subscription{Channels: []string{"a"}, SessionKey: name}, nil
	}))
	b.get("/private", gate.SubscribeFunc(func(s *core.Handshake) (core.Subscription, error) {
		name := s.PrivateChannel()
		s.SetValue(valueKey{}, name)
		return core.Subscription{Channels: []string{"a", name}, SessionKey: "private"}, nil
	}))
	b.start(t)
	wantChannels := func(s *core.Stream, what string, want ...string) {
		t.Helper()
		if got := s.Channels(); !slices.Equal(got, want) {
			t.Errorf("channels of %s: got %q, want %q", what, got, want)
		}
	}
	const path = "/?user=ann&name=tab-1"
	first, r := m.member(t, path)
	change(t, first, []string{"b", "c"}, []string{"a"})
	b.publish(t, "b", core.Event{Data: "b1"})
	for r.said(t).data != "b1" {
	}
	last := b.mark(t)
	b.publish(t, "a", core.Event{Data: "no"})
	b.publish(t, "c", core.Event{Data: "c1"})
	b.publish(t, "b", core.Event{Data: "b2"})
	b.end(t, "c")
	// The server has not noticed yet that the client is gone.
	second, again := m.member(t, path, lastID(last)...)
	wantChannels(second, "a client that comes back", "b", "c")
	if got := again.events(t); !slices.Equal(got, []string{"c1", "b2"}) {
		t.Errorf("events: got %q, want those that it has missed", got)
	}
	for other, what := range map[string]string{
		"/?user=bob&name=tab-1": "somebody else", "/?name=tab-1": "nobody",
		"/?user=ann&name=tab-2": "another name", "/?user=ann": "no name", "/?user=tab-1&name=ann": "it the other way round",
	} {
		s, _ := m.member(t, other)
		wantChannels(s, what, "a")
	}
	r.close()
	b.closed(t)
	again.close() // one that has changed nothing
	b.closed(t)
	third, r := m.member(t, path)
	wantChannels(third, "a client that comes back again", "b", "c")
	change(t, third, nil, []string{"b", "c"})
	r.close()
	b.closed(t)
	fourth, r := m.member(t, path, lastID(last)...)
	wantChannels(fourth, "one that had none")
	change(t, fourth, []string{"d"}, nil)
	b.publish(t, "d", core.Event{Data: "d1"})
	b.end(t, "d")
	if got := r.events(t); !slices.Equal(got, []string{"d1"}) {
		t.Errorf("events: got %q, want d1", got)
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, name := range []string{strings.Repeat("x", core.MaxChannelBytes+1), "%00"} {
			got := b.client(t).send(t, method, "/?name="+name, nil)
			if got.StatusCode != http.StatusBadRequest {
				t.Errorf("%s with a name of %d bytes: got %s, want 400", method, len(name), got.Status)
			}
			b.closed(t)
		}
	}
	// A private channel of the stream before is gone; its own it has.
	s, r := m.member(t, "/private")
	change(t, s, []string{"b"}, []string{"a"})
	r.close()
	b.closed(t)
	s, _ = m.member(t, "/private")
	own, _ := s.Value(valueKey{}).(string)
	wantChannels(s, "one with a private channel", "b", own)
}
