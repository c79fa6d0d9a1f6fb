//nolint:thelper // These are tests: a failure is at a line of theirs.
package core_test

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// restricted allows the channels that the request's header names.
func restricted(h *core.Handshake) error {
	h.SetIdentity(h.Request().URL.Query().Get("user"))
	return h.Restrict(core.Rights{Channels: h.Request().Header.Values("Right"), Patterns: []string{"room/*"}})
}

// servedRights restricts streams to channels, at the gate and while they are
// open, live and replayed.
func servedRights(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{Start: core.Earliest(), Middleware: []core.Middleware{restricted}})
	f.Get("/", gate.Subscribe("a", "room/1"))
	f.Get("/private", gate.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{"room/1", h.PrivateChannel()}}, nil
	}))
	f.Start(t)
	f.Publish(t, "a", core.Event{Data: "a1"})
	f.Publish(t, "room/1", core.Event{Data: "r1"})
	if r := f.Client(t).Get(t, "/"); r.StatusCode != http.StatusForbidden || r.Text(t) != "Forbidden\n" {
		t.Errorf("without a right to a: got %s, want 403", r.Status)
	}
	if sum := f.Closed(t); sum.Opened || !errors.Is(sum.Reason, core.ErrForbidden) {
		t.Errorf("without a right to a: got %+v, want ErrForbidden", sum)
	}
	s, r := f.Connect(t, "/", "Right", "a")
	r.WantData(t, "a1")
	r.WantData(t, "r1")
	for _, name := range []string{"b", "room/1/secret"} {
		if err := s.AddChannels("room/2", name); !errors.Is(err, core.ErrForbidden) {
			t.Errorf("AddChannels %q: got %v, want ErrForbidden", name, err)
		}
	}
	if err := s.AddChannels("room/2"); err != nil {
		t.Errorf("AddChannels: got %v, want no error", err)
	}
	if err := s.Restrict(core.Rights{Patterns: []string{"room/[12]"}}); err != nil {
		t.Fatal(err)
	}
	if got, want := s.Channels(), []string{"room/1", "room/2"}; !slices.Equal(got, want) {
		t.Errorf("channels with fewer rights: got %q, want %q", got, want)
	}
	f.Publish(t, "a", core.Event{Data: "a2"})
	f.End(t, "room/2")
	if got := r.Events(t); len(got) > 0 {
		t.Errorf("events with fewer rights: got %q, want none", got)
	}
	r.Cancel()
	f.Closed(t)
	s, r = f.Connect(t, "/private")
	r.WantData(t, "r1")
	if got := len(s.Channels()); got != 2 {
		t.Errorf("a stream with a private channel of its own: got %d channels, want 2", got)
	}
}

// servedRightsPaging takes a right away while a stream reads history: nothing of
// the channel comes after the page that was being sent.
func servedRightsPaging(t *testing.T, e ssetest.Env) {
	store := &pagedStore{Store: core.NewMemoryStore(core.Retention{})}
	f := ssetest.New(t, e, core.HubConfig{Store: store, RingEvents: 4, PageBytes: 700})
	f.Get("/", f.Gate(core.GateConfig{Start: core.Earliest()}).Subscribe("a", "b"))
	f.Start(t)
	for i := range 100 {
		f.Publish(t, "a", core.Event{Data: fmt.Sprint("a", i)})
		f.Publish(t, "b", core.Event{Data: fmt.Sprint("b", i)})
	}
	var s *core.Stream
	pages, narrowed := 0, make(chan error, 1)
	found := make(chan *core.Stream, 1)
	store.onRead(func(core.Query) {
		if pages++; pages == 3 {
			s = <-found
			narrowed <- s.Restrict(core.Rights{Channels: []string{"b"}})
		}
	})
	r := f.Client(t).Open(t, "/")
	found <- ssetest.Receive(t, f.Opened, "stream that opened")
	r.Prelude(t)
	f.End(t, "b")
	if err := ssetest.Receive(t, narrowed, "change of rights"); err != nil {
		t.Fatal(err)
	}
	got := r.Events(t)
	text := strings.Join(got, " ")
	if n := strings.Count(text, "a"); n >= 50 {
		t.Errorf("events of a: got %d, want those of two pages", n)
	}
	if n := strings.Count(text, "b"); n != 100 {
		t.Errorf("events of b: got %d, want 100", n)
	}
}

// servedRevoke revokes an identity: its streams end, and it gets no others until
// it is restored.
func servedRevoke(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{Middleware: []core.Middleware{ssetest.Membership}})
	f.Get("/news", gate.Subscribe("news"))
	f.Get("/handler", gate.Handle(waitForEnd))
	f.Get("/once", gate.OneShot(func(*core.Handshake) (core.Event, error) { return core.Event{Data: "one"}, nil }))
	f.Start(t)
	_, one := f.Connect(t, "/news?user=ann")
	one.Position(t)
	_, two := f.Connect(t, "/handler?user=ann")
	_, stays := f.Connect(t, "/news?user=bob")
	stays.Position(t)
	if got := f.Hub.Revoke("ann", time.Now().Add(time.Hour)) + f.Hub.Revoke("", time.Time{}); got != 2 {
		t.Errorf("streams of ann: got %d ended, want 2", got)
	}
	for _, r := range []*ssetest.Reply{one, two} {
		if ev := r.Event(t); ev.Name != core.ClosedEvent || ev.Data != `{"reason":"revoked"}` {
			t.Errorf("last event: got %+v, want that it was revoked", ev)
		}
		r.WantEnd(t)
		if got := f.Closed(t); !errors.Is(got.Reason, core.ErrRevoked) {
			t.Errorf("reason: got %v, want ErrRevoked", got.Reason)
		}
	}
	for _, p := range []string{"/news", "/handler", "/once"} {
		r := f.Client(t).Get(t, p+"?user=ann", "Last-Event-ID", "1-1")
		if r.StatusCode != http.StatusForbidden || r.Text(t) != "Forbidden\n" {
			t.Errorf("GET %s of a revoked identity: got %s, want 403", p, r.Status)
		}
		if got := f.Closed(t); got.Opened || !errors.Is(got.Reason, core.ErrRevoked) {
			t.Errorf("reason: got %+v, want ErrRevoked", got)
		}
	}
	f.Hub.Restore("ann")
	f.Hub.Revoke("cat", time.Now())
	for _, user := range []string{"ann", "cat"} {
		s, _ := f.Connect(t, "/news?user="+user)
		if err := s.Err(); err != nil {
			t.Errorf("stream of %s: got %v, want it open", user, err)
		}
	}
	f.End(t, "news")
	if got := stays.Message(t).Data; got != "end" {
		t.Errorf("event of the stream that stays: got %q, want end", got)
	}
}

// servedExpiry ends streams when their permission expires, with an event that
// says so.
func servedExpiry(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{})
	past := f.Gate(core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
		h.SetExpiry(time.Now().Add(-time.Minute))
		<-h.Done()
		return nil
	}}})
	f.Get("/news", gate.Subscribe("news"))
	f.Get("/handler", gate.Handle(waitForEnd))
	f.Get("/past", past.Subscribe("news"))
	f.Start(t)
	for _, p := range []string{"/news", "/handler"} {
		s, r := f.Connect(t, p)
		if p == "/news" {
			r.Position(t)
		}
		s.SetExpiry(time.Now())
		if ev := r.Event(t); ev.Name != core.ClosedEvent || ev.Data != `{"reason":"expired"}` || ev.ID != "" {
			t.Errorf("%s, last event: got %+v, want that it has expired", p, ev)
		}
		r.WantEnd(t)
		if got := f.Closed(t); !errors.Is(got.Reason, core.ErrExpired) {
			t.Errorf("%s, reason: got %v, want ErrExpired", p, got.Reason)
		}
		s, r = f.Connect(t, p)
		if p == "/news" {
			r.Position(t)
		}
		if err := s.CloseWithEvent(errKicked, core.Event{Name: "x", Data: "y", Retry: time.Hour}); err != nil {
			t.Error(err)
		}
		if ev := r.Event(t); ev.Name != "x" || ev.Data != "y" || ev.Retry != time.Hour {
			t.Errorf("%s, last event: got %+v, want x", p, ev)
		}
		r.WantEnd(t)
		if got := f.Closed(t); !errors.Is(got.Reason, errKicked) || !errors.Is(got.Reason, core.ErrClosed) {
			t.Errorf("%s, reason: got %v, want ErrClosed and its own", p, got.Reason)
		}
	}
	if r := f.Client(t).Get(t, "/past"); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("expired at the gate: got %s, want 401", r.Status)
	}
	if f.Log.Has("level=ERROR") {
		t.Error("log: got an error, want none")
	}
}

func TestRightsCheck(t *testing.T) {
	t.Parallel()
	many := make([]string, core.MaxChannels+1)
	for name, test := range map[string]struct {
		rights core.Rights
		want   error
	}{
		"none":         {core.Rights{}, nil},
		"pattern":      {core.Rights{Patterns: []string{"a/[b"}}, path.ErrBadPattern},
		"many":         {core.Rights{Channels: many}, core.ErrTooLarge},
		"many, too":    {core.Rights{Patterns: many}, core.ErrTooLarge},
		"long":         {core.Rights{Channels: []string{strings.Repeat("x", core.MaxChannelBytes+1)}}, core.ErrTooLarge},
		"long pattern": {core.Rights{Patterns: []string{strings.Repeat("x", core.MaxChannelBytes+1)}}, core.ErrTooLarge},
	} {
		if got := test.rights.Check(); !errors.Is(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
	// A user's text in Channels matches nothing else.
	if (core.Rights{Channels: []string{"user/*"}}).Allow("user/ann") {
		t.Error("a star in Channels: got it match, want it not")
	}
}

// servedFull bounds the subscribers of a channel.
func servedFull(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{Channels: []core.ChannelConfig{{Pattern: "room/*", MaxSubscribers: 2}}})
	gate := f.Gate(core.GateConfig{})
	f.Get("/room", gate.Subscribe("room/1"))
	f.Get("/hall", gate.Subscribe("hall"))
	f.Start(t)
	one, first := f.Connect(t, "/room")
	first.Position(t)
	other, r := f.Connect(t, "/hall")
	r.Position(t)
	change(t, other, []string{"room/1"}, nil)
	change(t, other, []string{"room/1", "b"}, nil) // which it has
	if got := f.Client(t).Get(t, "/room"); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a third subscriber: got %s, want 503", got.Status)
	}
	if got := f.Closed(t); !errors.Is(got.Reason, core.ErrChannelFull) {
		t.Errorf("reason: got %v, want ErrChannelFull", got.Reason)
	}
	third, r := f.Connect(t, "/hall")
	r.Position(t)
	if err := third.AddChannels("room/1"); !errors.Is(err, core.ErrChannelFull) {
		t.Errorf("AddChannels: got %v, want ErrChannelFull", err)
	}
	first.Cancel()
	f.Closed(t)
	if one.Err() == nil {
		t.Error("the stream that left: got no reason, want one")
	}
	change(t, third, []string{"room/1"}, nil)
}
