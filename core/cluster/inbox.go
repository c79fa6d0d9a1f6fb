package cluster

import (
	"sync"

	"github.com/tidings-go/tidings/core/history"
)

// maxInbox bounds the messages that wait.
const maxInbox = 1 << 16

// inbox collects the entries on control channels. It is a sink of the store, and
// thus quick.
type inbox struct {
	news chan struct{} // capacity 1

	mu      sync.Mutex
	entries []*history.Entry
	missed  bool   // some entries are missing
	lost    uint64 // the store may have lost entries up to this sequence number
	closed  bool
}

var _ history.EpochSink = (*inbox)(nil)

// Deliver implements [history.Sink].
func (in *inbox) Deliver(entries []*history.Entry) {
	for _, e := range entries {
		if e.Channel == history.ControlNodes || e.Channel == history.ControlRevoked {
			in.add(e)
		}
	}
}

func (in *inbox) add(e *history.Entry) {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case in.closed:
		return
	case len(in.entries) >= maxInbox:
		in.entries, in.missed = nil, true
	default:
		in.entries = append(in.entries, e)
	}
	in.wake()
}

// Trimmed implements [history.Sink].
func (in *inbox) Trimmed(string, uint64) {}

// Restarted implements [history.EpochSink].
func (in *inbox) Restarted(at history.Position, lost bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if lost && !in.closed {
		in.missed, in.lost = true, at.Seq
		in.wake()
	}
}

// miss makes the next take report that entries are missing.
func (in *inbox) miss() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.missed = true
}

func (in *inbox) wake() {
	select {
	case in.news <- struct{}{}:
	default:
	}
}

// take returns what has come since the last call, whether some of it is missing,
// and up to which sequence number the store may have lost entries.
func (in *inbox) take() (entries []*history.Entry, missed bool, lost uint64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	entries, missed, lost = in.entries, in.missed, in.lost
	in.entries, in.missed = nil, false
	return entries, missed, lost
}

func (in *inbox) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed, in.entries = true, nil
}
