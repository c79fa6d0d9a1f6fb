package storetest

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tidings-go/tidings/core/history"
)

// sink records what a store delivers.
type sink struct {
	busy atomic.Bool
	news chan struct{} // has room for one

	mu      sync.Mutex
	entries []*history.Entry
	trimmed map[string]uint64
	faults  []string
	closed  bool
}

var _ history.EpochSink = (*sink)(nil)

func newSink() *sink {
	return &sink{news: make(chan struct{}, 1), trimmed: make(map[string]uint64)}
}

// Deliver implements [history.Sink].
func (k *sink) Deliver(entries []*history.Entry) {
	defer k.enter("Deliver")()
	k.mu.Lock()
	k.entries = append(k.entries, entries...)
	k.mu.Unlock()
	select {
	case k.news <- struct{}{}:
	default:
	}
}

// Trimmed implements [history.Sink].
func (k *sink) Trimmed(channel string, seq uint64) {
	defer k.enter("Trimmed")()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.trimmed[channel] = max(k.trimmed[channel], seq)
}

// Restarted implements [history.EpochSink]. Nothing that the suite does loses
// anything.
func (k *sink) Restarted(at history.Position, lost bool) {
	defer k.enter("Restarted")()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults = append(k.faults, fmt.Sprintf("Restarted was called with %v, %v, although nothing happened to the storage", at, lost))
}

// enter finds calls that overlap, and calls after the end.
func (k *sink) enter(method string) (leave func()) {
	alone := k.busy.CompareAndSwap(false, true)
	runtime.Gosched() // so that another call has a chance
	k.mu.Lock()
	defer k.mu.Unlock()
	if !alone {
		k.faults = append(k.faults, method+" was called while the sink was busy")
		return func() {}
	}
	if k.closed {
		k.faults = append(k.faults, method+" was called after Close had returned")
	}
	return func() { k.busy.Store(false) }
}

// through returns the sequence number that delivery has come to.
func (k *sink) through() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if n := len(k.entries); n > 0 {
		return k.entries[n-1].Position.Seq
	}
	return 0
}

// reach waits until the entry with that sequence number was delivered, and
// returns all that was.
func (k *sink) reach(f *fixture, seq uint64) []*history.Entry {
	f.Helper()
	ctx, cancel := f.within()
	defer cancel()
	for seq > 0 && k.through() < seq {
		select {
		case <-k.news:
		case <-ctx.Done():
			k.mu.Lock()
			defer k.mu.Unlock()
			f.Errorf("delivered after %v: got %s, want all up to %d", f.opts.Wait, seqs(k.entries), seq)
			return slices.Clone(k.entries)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.entries)
}

// hid returns what of a channel was said to be trimmed.
func (k *sink) hid(channel string) uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.trimmed[channel]
}

// end is called when the store has been closed. Further calls are faults.
func (k *sink) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
}

// ended checks everything that came since start, when the store has been
// closed.
func (k *sink) ended(f *fixture, start history.Position) {
	f.Helper()
	k.end()
	k.mu.Lock()
	defer k.mu.Unlock()
	if fault := contiguous(k.entries, start); fault != "" {
		f.Errorf("delivered: %s", fault)
	}
	for _, fault := range k.faults {
		f.Errorf("%s", fault)
	}
}

// contiguous says where entries are not each once, in order, without a gap,
// from after start on.
func contiguous(entries []*history.Entry, start history.Position) string {
	for i, e := range entries {
		if want := (history.Position{Epoch: start.Epoch, Seq: start.Seq + 1 + uint64(i)}); e.Position != want {
			return fmt.Sprintf("entry %d: got position %v, want %v, in %s", i, e.Position, want, seqs(entries))
		}
	}
	return ""
}
