package doctor

import (
	"errors"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core"
)

// runsEach is how many streams the probe remembers, for each that may be open.
const runsEach = 8

// ledger remembers what became of the latest streams of the probe.
type ledger struct {
	limit int // streams to remember

	mu    sync.Mutex
	runs  map[string]*run
	order []string // the names in runs, the oldest first
}

// run is one stream of the probe.
type run struct {
	ended time.Time // zero while it is open
	left  bool      // its client was gone
}

// opened adds a stream that begins, and forgets the oldest one over the limit.
func (l *ledger) opened(name string) {
	if name == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.runs == nil {
		l.runs = make(map[string]*run)
	}
	if l.runs[name] == nil {
		l.order = append(l.order, name)
	}
	l.runs[name] = &run{}
	if len(l.order) > l.limit {
		delete(l.runs, l.order[0])
		l.order = append(l.order[:0], l.order[1:]...)
	}
}

// closed takes note of why a stream has ended.
func (l *ledger) closed(name string, reason error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.runs[name]; r != nil {
		r.ended = time.Now()
		r.left = errors.Is(reason, core.ErrClientGone) || errors.Is(reason, core.ErrWriteTimeout)
	}
}

// record returns what is known about a stream.
func (l *ledger) record(name string) record {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.runs[name]
	switch {
	case r == nil:
		return record{Run: name}
	case r.ended.IsZero():
		return record{Run: name, Known: true}
	}
	return record{Run: name, Known: true, Ended: true, Left: r.left, Ago: time.Since(r.ended).Microseconds()}
}
