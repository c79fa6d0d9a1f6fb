//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// testChange changes the channels of an open stream.
func testChange(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	m := newMembers(b)
	b.get("/", b.gate(core.GateConfig{Middleware: []core.Middleware{m.middleware}}).Subscribe("a"))
	b.start(t)
	b.publish(t, "b", core.Event{Data: "b before"})
	s, r := m.member(t, "/")
	r.position(t)
	b.publish(t, "b", core.Event{Data: "b, which is not its channel yet"})
	mark := b.mark(t)
	change(t, s, []string{"b", "b", "a"}, nil)
	// What is older on the new channel is not to come when it reconnects.
	if at := r.position(t); at.String() != mark {
		t.Errorf("position after a channel was added: got %v, want %s", at, mark)
	}
	b.publish(t, "b", core.Event{Data: "b1"})
	b.publish(t, "a", core.Event{Data: "a1"})
	change(t, s, nil, []string{"a", "none"})
	b.publish(t, "a", core.Event{Data: "a2"})
	b.publish(t, "b", core.Event{Data: "b2"})
	change(t, s, nil, []string{"b"})
	if got := s.Channels(); len(got) != 0 {
		t.Errorf("channels when all are removed: got %q, want none", got)
	}
	b.publish(t, "b", core.Event{Data: "b3"})
	change(t, s, []string{"c", "b"}, nil)
	b.publish(t, "c", core.Event{Data: "c1"})
	change(t, s, []string{"c"}, []string{"c"}) // off and on again, in one step
	b.publish(t, "c", core.Event{Data: "c2"})
	change(t, s, nil, []string{"c"})
	b.publish(t, "c", core.Event{Data: "c3"})
	change(t, s, []string{"c"}, nil)
	b.publish(t, "c", core.Event{Data: "c4"})
	b.end(t, "b")
	got := r.events(t)
	// What was published before a channel was removed and has not been sent by
	// then need not be.
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
	for _, wrong := range [][]string{{""}, {"b", "x\x00"}, manyChannels(core.MaxChannels)} {
		if err := s.AddChannels(wrong...); err == nil {
			t.Errorf("AddChannels %.40q: got no error, want one", wrong)
		}
	}
	if got, want := s.Channels(), []string{"b", "c"}; !slices.Equal(got, want) {
		t.Errorf("channels after errors: got %q, want %q", got, want)
	}
	r.close()
	b.closed(t)
	if err := s.AddChannels("d"); !wraps(err, core.ErrClientGone) {
		t.Errorf("AddChannels after the end: got %v, want ErrClientGone", err)
	}
}

func manyChannels(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = "channel " + strconv.Itoa(i)
	}
	return names
}

func change(t *testing.T, s *core.Stream, add, remove []string) {
	t.Helper()
	if err := s.ChangeChannels(add, remove); err != nil {
		t.Fatalf("ChangeChannels %q, %q: got %v, want nil", add, remove, err)
	}
}

// Read implements [core.Store].
func (p *paced) Read(ctx context.Context, q core.Query) (core.Page, error) {
	p.before(q)
	return p.Store.Read(ctx, q)
}

// paging is a stream that reads history while its channels change.
type paging struct {
	start   string // where it begins
	history []string
	op      string
	page    int // before which the channels change; 0: when the stream opens

	a, b    string // the channels: it has a at first
	reading int
	sent    []string // what pages before that held
}

// testChangePaging changes the channels of streams that are reading history.
func testChangePaging(t *testing.T, e env) {
	const before = 30
	store := &paced{Store: core.NewMemoryStore(core.Retention{})}
	var now *paging
	var change func(s *core.Stream)
	b := newBed(t, e, core.HubConfig{Store: store, RingEvents: 4, PageBytes: 700, OnJoin: func(channel string, s *core.Stream) {
		if now.page == 0 && channel == now.a && change != nil {
			f := change
			change = nil
			f(s)
		}
	}})
	m := newMembers(b)
	starts := map[string]core.Start{
		"/earliest": core.Earliest(), "/last": core.Last(10), "/snapshot": core.Snapshot(), "/after": core.Live(),
	}
	for path, start := range starts {
		gate := b.gate(core.GateConfig{Start: start, Middleware: []core.Middleware{m.middleware}})
		b.get(path+"/{channel}", gate.SubscribeFunc(func(s *core.Handshake) (core.Subscription, error) {
			return core.Subscription{Channels: []string{s.Request().PathValue("channel")}}, nil
		}))
	}
	b.start(t)
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
					ids := b.publish(t, now.a, core.Event{Key: strconv.Itoa(i % 10), Data: "a" + strconv.Itoa(i)})
					b.publish(t, now.b, core.Event{Key: strconv.Itoa(i % 10), Data: "b" + strconv.Itoa(i)})
					if i == 9 {
						id = ids[0]
					}
				}
				change = func(s *core.Stream) { now.change(t, b, s) }
				var stream *core.Stream
				store.onRead(func(q core.Query) {
					if now.reading++; now.reading < now.page {
						now.took(t, store, q)
					} else if now.reading == now.page {
						if stream == nil {
							stream = receive(t, m.opened, "stream")
						}
						now.change(t, b, stream)
					}
				})
				now.run(t, b, id)
				store.onRead(nil)
				for len(m.opened) > 0 {
					<-m.opened
				}
			}
		}
	}
}

// took takes down what a page holds.
func (p *paging) took(t *testing.T, store *paced, q core.Query) {
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
func (p *paging) change(t *testing.T, b *bed, s *core.Stream) {
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
		b.publish(t, map[byte]string{'a': p.a, 'b': p.b}[data[0]], core.Event{Data: data})
	}
	if p.op == "again" || p.op == "again in two" {
		b.end(t, p.a)
	} else {
		b.end(t, p.b)
	}
}

// run checks what the stream gets.
func (p *paging) run(t *testing.T, b *bed, id string) {
	var header []string
	if p.start == "/after" {
		header = lastID(id)
	}
	r := b.client(t).open(t, p.start+"/"+p.a, header...)
	r.greeted(t)
	got := r.events(t)
	want := p.sent
	if p.op == "add" {
		want = p.history
		if p.start == "/last" && p.page < 2 {
			want = want[2:] // the last of what was there when it was asked for
		}
	}
	want = slices.Concat(want, map[string][]string{
		"add": {"a30", "b30", "a31", "b31"}, "replace": {"b30", "b31"}, "again": {"a30", "a31"},
		"again in two": {"a30", "a31"}, "nothing, then both": {"a30", "b30", "a31", "b31"},
	}[p.op])
	if !slices.Equal(got, want) {
		t.Errorf("%s, %s at page %d: got %q, want %q", p.start, p.op, p.page, got, want)
	}
	r.close()
	b.closed(t)
}
