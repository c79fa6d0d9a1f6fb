//nolint:thelper // These are tests: a failure is at a line of theirs.
package core_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// servedPrivate opens a stream with a private channel. The channel is gone with the
// last stream that is subscribed to it.
func servedPrivate(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{})
	refused := make(chan string, 1)
	f.Get("/own", gate.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		name := h.PrivateChannel()
		err := h.Send(core.Event{Name: "yours", Data: name})
		return core.Subscription{Channels: []string{name, "news"}}, err
	}))
	f.Get("/refused", gate.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		refused <- h.PrivateChannel()
		return core.Subscription{}, core.Refuse(http.StatusForbidden, "")
	}))
	f.Get("/join/{name}", gate.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{h.Request().PathValue("name")}, Start: core.Earliest()}, nil
	}))
	f.Start(t)

	first, r := f.Connect(t, "/own")
	name := r.Message(t).Data
	if len(name) < 26 || !slices.Contains(first.Channels(), name) {
		t.Fatalf("private channel: got %q, want a name of 128 bits or more that is among %q", name, first.Channels())
	}
	f.Publish(t, name, core.Event{Data: "1"})
	f.End(t, name)
	if got := r.Events(t); !slices.Equal(got, []string{"1"}) {
		t.Errorf("events: got %q, want 1", got)
	}
	_, two := f.Connect(t, "/join/"+url.PathEscape(name))
	if got := f.Hub.Count(name); got != 2 {
		t.Errorf("streams on it: got %d, want 2", got)
	}
	r.Cancel()
	f.Closed(t)
	f.Publish(t, name, core.Event{Data: "2"}, core.Event{Data: "end"})
	if got := slices.Concat(two.Events(t), two.Events(t)); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("events of the second stream: got %q, want 1 and 2", got)
	}
	two.Cancel()
	f.Closed(t)
	wantNoChannel(t, f, name)

	// A stream that is refused has none.
	if got := f.Client(t).Get(t, "/refused"); got.StatusCode != http.StatusForbidden {
		t.Errorf("refused: got %s, want 403", got.Status)
	}
	f.Closed(t)
	wantNoChannel(t, f, <-refused)
	if got := f.Hub.Stats().Channels; got != 0 {
		t.Errorf("channels in the end: got %d, want none", got)
	}
}

// wantNoChannel checks that nothing is left of a private channel.
func wantNoChannel(t *testing.T, f *ssetest.Fixture, name string) {
	t.Helper()
	if _, err := f.Hub.Publish(t.Context(), name, core.Event{}); !errors.Is(err, core.ErrChannelGone) {
		t.Errorf("Publish to a private channel that is gone: got %v, want ErrChannelGone", err)
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		if got := f.Client(t).Send(t, method, "/join/"+url.PathEscape(name), nil); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s of it: got %s, want 404", method, got.Status)
		}
		f.Closed(t)
	}
	if _, err := f.Hub.History(t.Context(), core.Subscription{Channels: []string{name}}, 1); !errors.Is(err, core.ErrChannelGone) {
		t.Errorf("History of it: got %v, want ErrChannelGone", err)
	}
}
