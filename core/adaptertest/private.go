//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// testPrivate has a stream with a private channel, which is gone with the last
// one that is subscribed to it.
func testPrivate(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	m := newMembers(b)
	gate := b.gate(core.GateConfig{Middleware: []core.Middleware{m.middleware}})
	refused := make(chan string, 1)
	b.get("/own", gate.SubscribeFunc(func(s *core.Handshake) (core.Subscription, error) {
		name := s.PrivateChannel()
		err := s.Send(core.Event{Name: "yours", Data: name})
		return core.Subscription{Channels: []string{name, "news"}}, err
	}))
	b.get("/refused", gate.SubscribeFunc(func(s *core.Handshake) (core.Subscription, error) {
		refused <- s.PrivateChannel()
		return core.Subscription{}, core.Refuse(http.StatusForbidden, "")
	}))
	b.get("/join/{name}", gate.SubscribeFunc(func(s *core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{s.Request().PathValue("name")}, Start: core.Earliest()}, nil
	}))
	b.start(t)

	first, r := m.member(t, "/own")
	name := r.said(t).data
	if len(name) < 26 || !slices.Contains(first.Channels(), name) {
		t.Fatalf("private channel: got %q, want a name of 128 bits or more that is among %q", name, first.Channels())
	}
	b.publish(t, name, core.Event{Data: "1"})
	b.end(t, name)
	if got := r.events(t); !slices.Equal(got, []string{"1"}) {
		t.Errorf("events: got %q, want 1", got)
	}
	_, two := m.member(t, "/join/"+url.PathEscape(name))
	if got := b.hub.Count(name); got != 2 {
		t.Errorf("streams on it: got %d, want 2", got)
	}
	r.close()
	b.closed(t)
	b.publish(t, name, core.Event{Data: "2"}, core.Event{Data: "end"})
	if got := slices.Concat(two.events(t), two.events(t)); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("events of the second stream: got %q, want 1 and 2", got)
	}
	two.close()
	b.closed(t)
	b.wantNoChannel(t, name)

	// A stream that is refused has none.
	if got := b.client(t).ask(t, "/refused"); got.StatusCode != http.StatusForbidden {
		t.Errorf("refused: got %s, want 403", got.Status)
	}
	b.closed(t)
	b.wantNoChannel(t, <-refused)
	if got := b.hub.Stats().Channels; got != 0 {
		t.Errorf("channels in the end: got %d, want none", got)
	}
}

// wantNoChannel checks that nothing is left of a private channel.
func (b *bed) wantNoChannel(t *testing.T, name string) {
	t.Helper()
	if _, err := b.hub.Publish(t.Context(), name, core.Event{}); !wraps(err, core.ErrChannelGone) {
		t.Errorf("Publish to a private channel that is gone: got %v, want ErrChannelGone", err)
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		if got := b.client(t).send(t, method, "/join/"+url.PathEscape(name), nil); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s of it: got %s, want 404", method, got.Status)
		}
		b.closed(t)
	}
	if _, err := b.hub.History(t.Context(), core.Subscription{Channels: []string{name}}, 1); !wraps(err, core.ErrChannelGone) {
		t.Errorf("History of it: got %v, want ErrChannelGone", err)
	}
}
