package adaptertest

import (
	"strings"
	"sync"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// members are the streams of a bed as their server sees them.
type members struct {
	*bed

	opened chan *core.Stream
}

func newMembers(b *bed) *members {
	return &members{bed: b, opened: make(chan *core.Stream, 1<<10)}
}

// middleware hands streams to the test when they open.
func (m *members) middleware(s *core.Handshake) error {
	s.OnOpen(func() { m.opened <- s.Stream })
	return nil
}

// member opens a stream, and returns both of its ends. Its beginning was read:
// the time to reconnect, a comment and, where it begins live, a position.
func (m *members) member(t *testing.T, path string, header ...string) (*core.Stream, *reply) {
	t.Helper()
	r := m.client(t).open(t, path, header...)
	r.greeted(t)
	return receive(t, m.opened, "stream that opened"), r
}

// said is what one block on the wire says.
type said struct {
	name, data, id string
	comment        bool
}

// said reads a block.
func (r *reply) said(t *testing.T) said {
	t.Helper()
	var s said
	for line := range strings.Lines(r.mustBlock(t)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "event":
			s.name = value
		case "data":
			s.data += value
		case "id":
			s.id = value
		case "":
			s.comment = s.comment || value != "" || strings.HasPrefix(line, ":")
		}
	}
	return s
}

// position reads blocks up to one that tells a position without an event. No
// event may come before it.
func (r *reply) position(t *testing.T) core.Position {
	t.Helper()
	for {
		s := r.said(t)
		switch at, ok := core.ParsePosition(s.id); {
		case s.comment:
		case s.data != "" || s.name != "" || !ok:
			t.Fatalf("block: got %+v, want a position only", s)
		default:
			return at
		}
	}
}

// events returns what comes up to the event with the data "end", without what
// is no event. Positions and IDs must go up.
func (r *reply) events(t *testing.T) []string {
	t.Helper()
	var got []string
	last := uint64(0)
	for {
		s := r.said(t)
		if s.comment || s == (said{}) { // or how long to wait, which is none of these
			continue
		}
		at, ok := core.ParsePosition(s.id)
		if !ok || at.Seq < last || s.data != "" && at.Seq == last {
			t.Errorf("block after position %d: got %+v, want its ID to go up", last, s)
		}
		last = at.Seq
		switch {
		case s.data == "end":
			return got
		case s.data != "":
			got = append(got, s.data)
		}
	}
}

// mark publishes an event that nobody gets, and returns its ID.
func (b *bed) mark(t *testing.T) string {
	t.Helper()
	return b.publish(t, "other", core.Event{Data: "mark"})[0]
}

// end publishes the event that ends what events reads.
func (b *bed) end(t *testing.T, channel string) {
	t.Helper()
	b.publish(t, channel, core.Event{Data: "end"})
}

// paced is a store that says when it is about to read a page.
type paced struct {
	core.Store

	mu   sync.Mutex
	read func(q core.Query)
}

// onRead has f called for every page from now on, before it is read.
func (p *paced) onRead(f func(q core.Query)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read = f
}

// before says that a page is about to be read.
func (p *paced) before(q core.Query) {
	p.mu.Lock()
	f := p.read
	p.mu.Unlock()
	if f != nil && q.MaxEvents != 1 { // that is a look ahead
		f(q)
	}
}
