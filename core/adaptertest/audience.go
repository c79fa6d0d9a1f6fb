//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// belong is a middleware that puts a stream where its request's query says.
func belong(s *core.Handshake) error {
	q := s.Request().URL.Query()
	s.SetIdentity(q.Get("user"))
	if q.Has("quiet") {
		s.SetFilter(func(d core.Delivery) bool { return d.Name != "loud" })
	}
	return s.Join(q["group"]...)
}

// publishTo publishes events to an audience.
func (b *bed) publishTo(t *testing.T, channel string, to core.Audience, events ...core.Event) {
	t.Helper()
	for _, ev := range events {
		if _, err := b.hub.Publish(t.Context(), channel, ev, core.Only(to)); err != nil {
			t.Fatalf("Publish %q, %q: %v", channel, to, err)
		}
	}
}

// testAudiences has streams in all kinds of audiences get what is for them, and
// nothing else: live, from history, and when they come back.
func testAudiences(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{PageBytes: 500})
	m := newMembers(b)
	for path, start := range map[string]core.Start{"/live": core.Live(), "/all": core.Earliest()} {
		gate := b.gate(core.GateConfig{Start: start, Middleware: []core.Middleware{m.middleware, belong}})
		b.get(path+"/{channel}", gate.SubscribeFunc(func(s *core.Handshake) (core.Subscription, error) {
			return core.Subscription{Channels: []string{s.Request().PathValue("channel")}}, nil
		}))
	}
	b.start(t)
	// Two tenants, with a channel each, have groups and people of the same name.
	paths := []string{
		"/acme?user=ann&group=red", "/acme?user=bob&group=blue&group=x%20%3A%22", "/acme",
		"/acme?user=ann&group=red&group=blue&quiet=1", "/evil?user=ann&group=red",
	}
	streams, replies := make([]*core.Stream, len(paths)), make([]*reply, len(paths))
	for i, path := range paths {
		streams[i], replies[i] = m.member(t, "/live"+path)
	}
	start := b.mark(t)
	n := 0
	var all []string
	publish := func(channel, name string, to core.Audience, gets ...int) {
		n++
		data := strconv.Itoa(n)
		b.publishTo(t, channel, to, core.Event{Name: name, Data: data})
		for i := range paths {
			all[i] = strings.TrimSpace(all[i])
			if slices.Contains(gets, i) {
				all[i] += " " + data
			}
		}
	}
	all = make([]string, len(paths))
	publish("acme", "", core.Audience{}, 0, 1, 2, 3)
	publish("acme", "", core.ToGroup("red"), 0, 3)
	publish("acme", "loud", core.ToGroup("red"), 0)
	publish("acme", "loud", core.Audience{}, 0, 1, 2)
	publish("acme", "", core.ToGroup("blue"), 1, 3)
	publish("acme", "", core.ToGroup(`x :"`), 1)
	publish("acme", "", core.ToGroup("identity:ann"))
	publish("acme", "", core.ToIdentity("ann"), 0, 3)
	publish("acme", "", core.ToIdentity("group:red"))
	publish("acme", "", core.ToIdentity("Ann"))
	publish("evil", "", core.Audience{}, 4)
	publish("evil", "", core.ToGroup("red"), 4)
	publish("evil", "", core.ToIdentity("ann"), 4)
	publish("evil", "", core.ToIdentity("bob"))
	again := slices.Clone(all)
	publish("acme", "", core.ToStream(streams[2].ID()), 2)
	publish("acme", "", core.ToStream(strings.ToUpper(streams[2].ID())))
	publish("evil", "", core.ToStream(streams[2].ID()))
	for _, channel := range []string{"acme", "evil"} {
		b.end(t, channel)
	}
	for i, r := range replies {
		if got := strings.Join(r.events(t), " "); got != strings.TrimSpace(all[i]) {
			t.Errorf("%s, live: got %q, want %q", paths[i], got, all[i])
		}
		// A stream that comes later is another one: what was for the first is
		// not for it.
		if got := strings.Join(b.client(t).open(t, "/all"+paths[i]).events(t), " "); got != strings.TrimSpace(again[i]) {
			t.Errorf("%s, from history: got %q, want %q", paths[i], got, again[i])
		}
		if got := strings.Join(b.client(t).open(t, "/live"+paths[i], lastID(start)...).events(t), " "); got != strings.TrimSpace(again[i]) {
			t.Errorf("%s, resumed: got %q, want %q", paths[i], got, again[i])
		}
	}
}

// testGroups has a stream join and leave groups while it is open.
func testGroups(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	m := newMembers(b)
	b.get("/", b.gate(core.GateConfig{Middleware: []core.Middleware{m.middleware}}).Subscribe("news"))
	b.start(t)
	s, r := m.member(t, "/")
	red := func(data string) { b.publishTo(t, "news", core.ToGroup("red"), core.Event{Data: data}) }
	step := func(data string) {
		b.publish(t, "news", core.Event{Data: data})
		for got := ""; got != data; {
			if got = r.event(t).Data; got != data && !strings.HasPrefix(got, "yes") {
				t.Errorf("event: got %q, want one that is for the stream", got)
			}
		}
	}
	red("no, it is not in the group")
	step("joins")
	if err := s.Join("red", "green"); err != nil {
		t.Fatalf("Join: %v", err)
	}
	red("yes 1")
	red("yes 2")
	step("leaves")
	if got, want := s.Groups(), []string{"green", "red"}; !slices.Equal(got, want) || !s.InGroup("red") {
		t.Errorf("groups: got %q, want %q", got, want)
	}
	s.Leave("red", "none")
	red("no, it has left")
	step("belongs")
	s.SetIdentity("ann")
	b.publishTo(t, "news", core.ToIdentity("ann"), core.Event{Data: "yes 3"})
	s.SetIdentity("")
	b.publishTo(t, "news", core.ToIdentity("ann"), core.Event{Data: "no, it is nobody's"})
	step("goes")
}

// testPassedOver has a stream get nothing of what goes by. It learns how far
// that is, and neither misses nor repeats anything when it comes back.
func testPassedOver(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{Store: core.NewMemoryStore(core.Retention{Events: 20})})
	m := newMembers(b)
	for path, beat := range map[string]time.Duration{"/": 100 * time.Millisecond, "/silent": -1} {
		gate := b.gate(core.GateConfig{Heartbeat: beat, Middleware: []core.Middleware{m.middleware, belong}})
		b.get(path, gate.Subscribe("news", "more"))
	}
	b.start(t)
	s, r := m.member(t, "/?group=red")
	r.position(t)
	b.publishTo(t, "news", core.ToGroup("red"), core.Event{Data: "1"})
	if got := r.said(t); got.data != "1" {
		t.Fatalf("event: got %+v, want 1", got)
	}
	// More than history keeps: whoever does not know finds a gap.
	for range 30 {
		b.publishTo(t, "news", core.ToGroup("blue"), core.Event{Data: "not for it"})
	}
	b.publishTo(t, "more", core.ToGroup("blue"), core.Event{ID: "row 7", Data: "with an ID of the app's own"})
	last := b.mark(t)
	at, _ := core.ParsePosition(last)
	told := core.Position{}
	for told.Seq < at.Seq-1 { // the mark is not on its channels: it may be told less
		told = r.position(t)
	}
	if told.Seq > at.Seq {
		t.Errorf("position: got %v, want no more than %v", told, at)
	}
	if got := s.Info(); got.SentEvents != 1 || got.LagEvents != 0 {
		t.Errorf("info: got %d events sent, lag %d, want 1 and 0", got.SentEvents, got.LagEvents)
	}
	r.close()
	b.closed(t)
	b.publishTo(t, "more", core.ToGroup("red"), core.Event{Data: "2"})
	b.publishTo(t, "more", core.ToGroup("blue"), core.Event{Data: "not for it either"})
	b.publishTo(t, "news", core.ToGroup("red"), core.Event{Data: "3"})
	b.end(t, "news")
	again := b.client(t).open(t, "/silent?group=red", lastID(told.String())...)
	if got, want := again.events(t), []string{"2", "3"}; !slices.Equal(got, want) {
		t.Errorf("events when it comes back: got %q, want %q", got, want)
	}
}

// testGroupPaging has a stream join and leave a group between two pages of
// history.
func testGroupPaging(t *testing.T, e env) {
	const events = 40
	store := &paced{Store: core.NewMemoryStore(core.Retention{})}
	b := newBed(t, e, core.HubConfig{Store: store, RingEvents: 2, PageBytes: 1000})
	m := newMembers(b)
	b.get("/", b.gate(core.GateConfig{Start: core.Earliest(), Middleware: []core.Middleware{m.middleware}}).Subscribe("news"))
	b.start(t)
	for i := range events {
		to := core.Audience{}
		if i%2 == 1 {
			to = core.ToGroup("red")
		}
		b.publishTo(t, "news", to, core.Event{Data: strconv.Itoa(i)})
	}
	b.end(t, "news")
	var s *core.Stream
	var joined, left atomic.Int64 // what the pages from there on hold
	n := 0
	store.onRead(func(q core.Query) {
		switch n++; n {
		case 1:
			s = receive(t, m.opened, "stream")
		case 3:
			joined.Store(int64(q.After.Seq)) //nolint:gosec // There are not that many.
			if err := s.Join("red"); err != nil {
				t.Errorf("Join: %v", err)
			}
		case 5:
			left.Store(int64(q.After.Seq)) //nolint:gosec // The same.
			s.Leave("red")
		}
	})
	got := b.client(t).open(t, "/").events(t)
	from, to := int(joined.Load()), int(left.Load())
	var want []string
	for i := range events {
		if i%2 == 0 || i >= from && i < to {
			want = append(want, strconv.Itoa(i))
		}
	}
	if !slices.Equal(got, want) || from < 4 || to <= from {
		t.Errorf("in the group from %d to %d: got %q, want %q", from, to, got, want)
	}
}
