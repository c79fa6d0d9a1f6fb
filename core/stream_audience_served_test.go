//nolint:thelper // These are tests: a failure is at a line of theirs.
package core_test

import (
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// servedAudiences opens streams in all kinds of audiences. Each gets the events for
// it and no others: live, from history, and when it resumes.
func servedAudiences(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{PageBytes: 500})
	for path, start := range map[string]core.Start{"/live": core.Live(), "/all": core.Earliest()} {
		gate := f.Gate(core.GateConfig{Start: start, Middleware: []core.Middleware{ssetest.Membership}})
		f.Get(path+"/{channel}", gate.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
			return core.Subscription{Channels: []string{h.Request().PathValue("channel")}}, nil
		}))
	}
	f.Start(t)
	// Two tenants, with a channel each, have groups and users of the same name.
	paths := []string{
		"/acme?user=ann&group=red", "/acme?user=bob&group=blue&group=x%20%3A%22", "/acme",
		"/acme?user=ann&group=red&group=blue&quiet=1", "/evil?user=ann&group=red",
	}
	streams, replies := make([]*core.Stream, len(paths)), make([]*ssetest.Reply, len(paths))
	for i, path := range paths {
		streams[i], replies[i] = f.Connect(t, "/live"+path)
	}
	start := f.Mark(t)
	n := 0
	want := make([][]string, len(paths))
	publish := func(channel, name string, to core.Audience, gets ...int) {
		n++
		data := strconv.Itoa(n)
		f.PublishTo(t, channel, to, core.Event{Name: name, Data: data})
		for _, i := range gets {
			want[i] = append(want[i], data)
		}
	}
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
	later := slices.Clone(want)
	publish("acme", "", core.ToStream(streams[2].ID()), 2)
	publish("acme", "", core.ToStream(strings.ToUpper(streams[2].ID())))
	publish("evil", "", core.ToStream(streams[2].ID()))
	for _, channel := range []string{"acme", "evil"} {
		f.End(t, channel)
	}
	for i, r := range replies {
		if got := r.Events(t); !slices.Equal(got, want[i]) {
			t.Errorf("%s, live: got %q, want %q", paths[i], got, want[i])
		}
		// Events for one stream do not reach a later stream of the same client.
		if got := f.Client(t).Open(t, "/all"+paths[i]).Events(t); !slices.Equal(got, later[i]) {
			t.Errorf("%s, from history: got %q, want %q", paths[i], got, later[i])
		}
		if got := f.Client(t).Open(t, "/live"+paths[i], ssetest.LastEventID(start)...).Events(t); !slices.Equal(got, later[i]) {
			t.Errorf("%s, resumed: got %q, want %q", paths[i], got, later[i])
		}
	}
}

// servedGroups changes the groups of an open stream.
func servedGroups(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	f.Get("/", f.Gate(core.GateConfig{}).Subscribe("news"))
	f.Start(t)
	s, r := f.Connect(t, "/")
	red := func(data string) { f.PublishTo(t, "news", core.ToGroup("red"), core.Event{Data: data}) }
	step := func(data string) {
		f.Publish(t, "news", core.Event{Data: data})
		for got := ""; got != data; {
			if got = r.Event(t).Data; got != data && !strings.HasPrefix(got, "yes") {
				t.Errorf("event: got %q, want one for the stream", got)
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
	step("identity")
	s.SetIdentity("ann")
	f.PublishTo(t, "news", core.ToIdentity("ann"), core.Event{Data: "yes 3"})
	s.SetIdentity("")
	f.PublishTo(t, "news", core.ToIdentity("ann"), core.Event{Data: "no, it has no identity"})
	step("goes")
}

// servedPassedOver publishes events that are not for a stream. The client is told
// their position, and resumes from there without a gap or a repetition.
func servedPassedOver(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{Store: core.NewMemoryStore(core.Retention{Events: 20})})
	for path, beat := range map[string]time.Duration{"/": 100 * time.Millisecond, "/silent": -1} {
		gate := f.Gate(core.GateConfig{Heartbeat: beat, Middleware: []core.Middleware{ssetest.Membership}})
		f.Get(path, gate.Subscribe("news", "more"))
	}
	f.Start(t)
	s, r := f.Connect(t, "/?group=red")
	r.Position(t)
	f.PublishTo(t, "news", core.ToGroup("red"), core.Event{Data: "1"})
	if got := r.Message(t); got.Data != "1" {
		t.Fatalf("event: got %+v, want 1", got)
	}
	// More than history keeps: from an older position, there would be a gap.
	for range 30 {
		f.PublishTo(t, "news", core.ToGroup("blue"), core.Event{Data: "not for it"})
	}
	f.PublishTo(t, "more", core.ToGroup("blue"), core.Event{ID: "row 7", Data: "with an ID of the app's own"})
	last := f.Mark(t)
	at, _ := core.ParsePosition(last)
	told := core.Position{}
	for told.Seq < at.Seq-1 { // the mark is on another channel, so it may not be told
		told = r.Position(t)
	}
	if told.Seq > at.Seq {
		t.Errorf("position: got %v, want no more than %v", told, at)
	}
	if got := s.Info(); got.SentEvents != 1 || got.LagEvents != 0 {
		t.Errorf("info: got %d events sent, lag %d, want 1 and 0", got.SentEvents, got.LagEvents)
	}
	r.Cancel()
	f.Closed(t)
	f.PublishTo(t, "more", core.ToGroup("red"), core.Event{Data: "2"})
	f.PublishTo(t, "more", core.ToGroup("blue"), core.Event{Data: "not for it either"})
	f.PublishTo(t, "news", core.ToGroup("red"), core.Event{Data: "3"})
	f.End(t, "news")
	again := f.Client(t).Open(t, "/silent?group=red", ssetest.LastEventID(told.String())...)
	if got, want := again.Events(t), []string{"2", "3"}; !slices.Equal(got, want) {
		t.Errorf("events when it resumes: got %q, want %q", got, want)
	}
}

// servedGroupPaging lets a stream join and leave a group between two pages of
// history.
func servedGroupPaging(t *testing.T, e ssetest.Env) {
	const events = 40
	store := &pagedStore{Store: core.NewMemoryStore(core.Retention{})}
	f := ssetest.New(t, e, core.HubConfig{Store: store, RingEvents: 2, PageBytes: 1000})
	f.Get("/", f.Gate(core.GateConfig{Start: core.Earliest()}).Subscribe("news"))
	f.Start(t)
	for i := range events {
		to := core.Audience{}
		if i%2 == 1 {
			to = core.ToGroup("red")
		}
		f.PublishTo(t, "news", to, core.Event{Data: strconv.Itoa(i)})
	}
	f.End(t, "news")
	var s *core.Stream
	var joined, left atomic.Int64 // the positions of those pages
	n := 0
	store.onRead(func(q core.Query) {
		switch n++; n {
		case 1:
			s = ssetest.Receive(t, f.Opened, "stream")
		case 3:
			joined.Store(int64(q.After.Seq))
			if err := s.Join("red"); err != nil {
				t.Errorf("Join: %v", err)
			}
		case 5:
			left.Store(int64(q.After.Seq))
			s.Leave("red")
		}
	})
	got := f.Client(t).Open(t, "/").Events(t)
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
