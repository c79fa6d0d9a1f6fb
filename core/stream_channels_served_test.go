//nolint:thelper // These are tests: a failure is at a line of theirs.
package core_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// servedChange changes the channels of an open stream.
func servedChange(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	f.Get("/", f.Gate(core.GateConfig{}).Subscribe("a"))
	f.Start(t)
	f.Publish(t, "b", core.Event{Data: "b before"})
	s, r := f.Connect(t, "/")
	r.Position(t)
	f.Publish(t, "b", core.Event{Data: "b, which is not its channel yet"})
	mark := f.Mark(t)
	change(t, s, []string{"b", "b", "a"}, nil)
	// After a reconnection, older events of the new channel must not come.
	if at := r.Position(t); at.String() != mark {
		t.Errorf("position after a channel was added: got %v, want %s", at, mark)
	}
	f.Publish(t, "b", core.Event{Data: "b1"})
	f.Publish(t, "a", core.Event{Data: "a1"})
	change(t, s, nil, []string{"a", "none"})
	f.Publish(t, "a", core.Event{Data: "a2"})
	f.Publish(t, "b", core.Event{Data: "b2"})
	change(t, s, nil, []string{"b"})
	if got := s.Channels(); len(got) != 0 {
		t.Errorf("channels when all are removed: got %q, want none", got)
	}
	f.Publish(t, "b", core.Event{Data: "b3"})
	change(t, s, []string{"c", "b"}, nil)
	f.Publish(t, "c", core.Event{Data: "c1"})
	change(t, s, []string{"c"}, []string{"c"}) // off and on again, in one step
	f.Publish(t, "c", core.Event{Data: "c2"})
	change(t, s, nil, []string{"c"})
	f.Publish(t, "c", core.Event{Data: "c3"})
	change(t, s, []string{"c"}, nil)
	f.Publish(t, "c", core.Event{Data: "c4"})
	f.End(t, "b")
	got := r.Events(t)
	// Events that were published before their channel was removed, and not sent by
	// then, may be missing.
	optional := []string{"b1", "a1", "b2", "c1", "c2"}
	want := []string{"b1", "a1", "b2", "c1", "c2", "c4"}
	want = slices.DeleteFunc(want, func(data string) bool {
		return slices.Contains(optional, data) && !slices.Contains(got, data)
	})
	if !slices.Equal(got, want) {
		t.Errorf("events: got %q, want %q", got, want)
	}
	if got, want := s.Channels(), []string{"b", "c"}; !slices.Equal(got, want) {
		t.Errorf("channels: got %q, want %q", got, want)
	}
	for _, wrong := range [][]string{{""}, {"b", "x\x00"}, longNames(core.MaxChannels, 8)} {
		if err := s.AddChannels(wrong...); err == nil {
			t.Errorf("AddChannels %.40q: got no error, want one", wrong)
		}
	}
	if got, want := s.Channels(), []string{"b", "c"}; !slices.Equal(got, want) {
		t.Errorf("channels after errors: got %q, want %q", got, want)
	}
	r.Cancel()
	f.Closed(t)
	if err := s.AddChannels("d"); !errors.Is(err, core.ErrClientGone) {
		t.Errorf("AddChannels after the end: got %v, want ErrClientGone", err)
	}
}

// pagedStore is a store that calls a function before it reads a page.
type pagedStore struct {
	core.Store

	before atomic.Pointer[func(q core.Query)]
}

// onRead sets the function.
func (p *pagedStore) onRead(before func(q core.Query)) { p.before.Store(&before) }

// Read implements [core.Store].
func (p *pagedStore) Read(ctx context.Context, q core.Query) (core.Page, error) {
	if before := p.before.Load(); before != nil && q.MaxEvents != 1 { // 1 is a look ahead
		(*before)(q)
	}
	return p.Store.Read(ctx, q)
}

// paging is a test in which the channels of a stream change while it reads
// history.
type paging struct {
	start   string   // where the stream begins
	history []string // the events of channel a from there
	op      string   // the change
	page    int      // the page before which it happens; 0: when the stream opens

	a, b    string // the names of the channels: at first, the stream has a
	reading int
	sent    []string // the events of the pages before the change
}

// servedChangePaging changes the channels of streams that read history.
func servedChangePaging(t *testing.T, e ssetest.Env) {
	const before = 30
	store := &pagedStore{Store: core.NewMemoryStore(core.Retention{})}
	var now *paging
	var onOpen func(s *core.Stream)
	f := ssetest.New(t, e, core.HubConfig{Store: store, RingEvents: 4, PageBytes: 700, OnJoin: func(channel string, s *core.Stream) {
		if now.page == 0 && channel == now.a && onOpen != nil {
			change := onOpen
			onOpen = nil
			change(s)
		}
	}})
	starts := map[string]core.Start{
		"/earliest": core.Earliest(), "/last": core.Last(10), "/snapshot": core.Snapshot(), "/after": core.Live(),
	}
	for path, start := range starts {
		gate := f.Gate(core.GateConfig{Start: start})
		f.Get(path+"/{channel}", gate.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
			return core.Subscription{Channels: []string{h.Request().PathValue("channel")}}, nil
		}))
	}
	f.Start(t)
	since := func(from int) (texts []string) {
		for i := from; i < before; i++ {
			texts = append(texts, "a"+strconv.Itoa(i))
		}
		return texts
	}
	histories := map[string][]string{
		"/earliest": since(0), "/last": since(20), "/snapshot": since(20), "/after": since(10),
	}
	n := 0
	for start, history := range histories {
		for _, op := range []string{"add", "replace", "again", "again in two", "nothing, then both"} {
			for page := range 3 {
				n++
				now = &paging{start: start, history: history, op: op, page: page, a: fmt.Sprint("a-", n), b: fmt.Sprint("b-", n)}
				var id string
				for i := range before {
					ids := f.Publish(t, now.a, core.Event{Key: strconv.Itoa(i % 10), Data: "a" + strconv.Itoa(i)})
					f.Publish(t, now.b, core.Event{Key: strconv.Itoa(i % 10), Data: "b" + strconv.Itoa(i)})
					if i == 9 {
						id = ids[0]
					}
				}
				onOpen = func(s *core.Stream) { now.change(t, f, s) }
				var stream *core.Stream
				store.onRead(func(q core.Query) {
					if now.reading++; now.reading < now.page {
						now.record(t, store, q)
					} else if now.reading == now.page {
						if stream == nil {
							stream = ssetest.Receive(t, f.Opened, "stream")
						}
						now.change(t, f, stream)
					}
				})
				now.run(t, f, id)
				store.onRead(func(core.Query) {})
				for len(f.Opened) > 0 {
					<-f.Opened
				}
			}
		}
	}
}

// record records the events of a page.
func (p *paging) record(t *testing.T, store *pagedStore, q core.Query) {
	page, err := store.Store.Read(t.Context(), q)
	if err != nil {
		t.Errorf("Read: %v", err)
	}
	for _, e := range page.Entries {
		ev, err := core.NewDecoder(bytes.NewReader(e.Frame()), core.DecoderConfig{}).Next()
		if err != nil {
			t.Errorf("entry %v: %v", e.Position, err)
		}
		p.sent = append(p.sent, ev.Data)
	}
}

// change changes the channels, and publishes.
func (p *paging) change(t *testing.T, f *ssetest.Fixture, s *core.Stream) {
	for _, op := range map[string][][2][]string{
		"add":                {{{p.b}, nil}},
		"replace":            {{{p.b}, {p.a}}},
		"again":              {{{p.a}, {p.a}}},
		"again in two":       {{nil, {p.a}}, {{p.a}, nil}},
		"nothing, then both": {{nil, {p.a}}, {{p.b, p.a}, nil}},
	}[p.op] {
		if err := s.ChangeChannels(op[0], op[1]); err != nil {
			t.Errorf("%s: got %v, want no error", p.op, err)
		}
	}
	for _, data := range []string{"a30", "b30", "a31", "b31"} {
		f.Publish(t, map[byte]string{'a': p.a, 'b': p.b}[data[0]], core.Event{Data: data})
	}
	if p.op == "again" || p.op == "again in two" {
		f.End(t, p.a)
	} else {
		f.End(t, p.b)
	}
}

// run checks the events that the stream gets.
func (p *paging) run(t *testing.T, f *ssetest.Fixture, id string) {
	var header []string
	if p.start == "/after" {
		header = ssetest.LastEventID(id)
	}
	r := f.Client(t).Open(t, p.start+"/"+p.a, header...)
	r.Prelude(t)
	got := r.Events(t)
	want := p.sent
	if p.op == "add" {
		want = p.history
		if p.start == "/last" && p.page < 2 {
			want = want[2:] // the last of the events that there are when it is read
		}
	}
	want = slices.Concat(want, map[string][]string{
		"add": {"a30", "b30", "a31", "b31"}, "replace": {"b30", "b31"}, "again": {"a30", "a31"},
		"again in two": {"a30", "a31"}, "nothing, then both": {"a30", "b30", "a31", "b31"},
	}[p.op])
	if !slices.Equal(got, want) {
		t.Errorf("%s, %s at page %d: got %q, want %q", p.start, p.op, p.page, got, want)
	}
	r.Cancel()
	f.Closed(t)
}
