package oracle_test

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/tidings-go/tidings/core"
)

// span is a time in which a stream was on a channel or in a group. It began
// between addStart and addEnd, and ended between removeStart and removeEnd.
type span struct {
	addStart, addEnd, removeStart, removeEnd int64

	// seen is the first event that came of those that were published while the
	// span began, or 0: from there on all must come.
	seen uint64
}

// String returns the span's bounds, or nothing if it has none.
func (s span) String() string {
	text := ""
	if s.addEnd >= 0 {
		text = fmt.Sprintf("from %d..%d", s.addStart, s.addEnd)
	}
	if s.removeStart != math.MaxInt64 {
		text += fmt.Sprintf(" to %d..%d", s.removeStart, s.removeEnd)
	}
	return text
}

// sinceOpen is the span of what a stream has from its beginning.
func sinceOpen() span {
	return span{addStart: -1, addEnd: -1, removeStart: math.MaxInt64, removeEnd: math.MaxInt64}
}

// item is one block that a client received, with the stamp of its receipt.
type item struct {
	at    int64
	block []byte
}

// visit is one connection of a client.
type visit struct {
	client *client
	key    string
	after  after
	own    bool // the ID is sent as a query parameter

	started, opened, ended int64 // when the client asked, had the head, and was done
	status                 int
	cut, last              bool // the client cut it; it is the client's last one
	groupNames             []string
	items                  []item
	rest                   []byte // what came behind the last block
	expected               []string
	since                  map[string]span // when the channels of the session were added
	sinceLife              int

	mu        sync.Mutex
	stream    *core.Stream
	life, gen int
	id        string
	onOpen    []string // the channels that the stream had when it opened
	reason    error    // why the server ended it
	leftAt    int64
	closed    bool // by the mutator
	channels  map[string][]span
	groups    map[string][]span
}

// arrive records the hub that receives the request.
func (v *visit) arrive(in *instance) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.life, v.gen = in.number, in.gen
}

// enter records the stream that the visit opens.
func (v *visit) enter(s *core.Stream) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.stream, v.id, v.onOpen = s, s.ID(), s.Channels()
	v.channels, v.groups = make(map[string][]span), make(map[string][]span)
	for _, name := range v.onOpen {
		since := sinceOpen()
		if was, ok := v.since[name]; ok && v.sinceLife == v.life {
			if since.addEnd = was.addEnd; v.after.id != "" {
				since.addStart = was.addStart // the subscription resumes
			}
		}
		v.channels[name] = []span{since}
	}
	for _, name := range v.groupNames {
		v.groups[name] = []span{sinceOpen()}
	}
}

// left records the stream's end.
func (v *visit) left(sum core.Summary) {
	f := v.client.world
	v.mu.Lock()
	v.reason, v.leftAt = sum.Reason, f.model.now()
	v.mu.Unlock()
	f.open.Done()
}

// place returns the numbers of the visit's hub and generation.
func (v *visit) place() (life, gen int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.life, v.gen
}

// opens returns the stream that the visit opened.
func (v *visit) opens() *core.Stream {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.stream
}

// streamID returns the ID of the stream, or nothing.
func (v *visit) streamID() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.id
}

// change records names that were added and removed between two stamps.
func change(spans map[string][]span, add, remove []string, start, end int64) {
	for _, name := range remove {
		if list := spans[name]; len(list) > 0 && list[len(list)-1].removeStart == math.MaxInt64 {
			list[len(list)-1].removeStart, list[len(list)-1].removeEnd = start, end
		}
	}
	for _, name := range add {
		list := spans[name]
		if len(list) > 0 && list[len(list)-1].removeStart == math.MaxInt64 {
			continue // it is there
		}
		fresh := sinceOpen()
		fresh.addStart, fresh.addEnd = start, end
		spans[name] = append(list, fresh)
	}
}

// current returns the names that are there now.
func current(spans map[string][]span) (names []string) {
	for name, list := range spans {
		if list[len(list)-1].removeStart == math.MaxInt64 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// has returns the channels that the stream has now.
func (v *visit) has() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return current(v.channels)
}

// began returns when the channels that the stream has now were added, of those
// that were.
func (v *visit) began() map[string]span {
	v.mu.Lock()
	defer v.mu.Unlock()
	began := make(map[string]span)
	for name, list := range v.channels {
		if last := list[len(list)-1]; last.addEnd >= 0 && last.removeStart == math.MaxInt64 {
			began[name] = last
		}
	}
	return began
}
