package sharedstore

import (
	"slices"
	"sync"

	"github.com/tidings-go/tidings/core/history"
)

// Feed delivers the entries of a storage to sinks: each once, in order, through
// all epochs. It is safe for concurrent use.
type Feed struct {
	news chan struct{} // capacity 1: there may be entries to deliver

	mu     sync.Mutex // held while sinks are called
	epochs history.Epochs
	head   uint64 // newest sequence number that was delivered
	trail  history.Trail
	sinks  []history.Sink
	closed bool
}

// Log is what a storage says of its entries.
type Log struct {
	// Epochs are the epochs of the storage.
	Epochs history.Epochs
	// Head is the sequence number of the newest entry.
	Head uint64
	// Kept is the sequence number from which on nothing was removed but entries of
	// private channels, whose subscribers are gone.
	Kept uint64
}

// NewFeed returns a feed that goes on after what the storage has.
func NewFeed(epochs history.Epochs, head uint64) *Feed {
	return &Feed{news: make(chan struct{}, 1), epochs: epochs, head: head}
}

// Attach implements [history.Store].
func (f *Feed) Attach(sink history.Sink) (history.Position, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return history.Position{}, history.ErrClosed
	}
	f.sinks = append(f.sinks, sink)
	return f.epochs.Newest(f.head), nil
}

// Close ends delivery. It reports whether the feed was closed before.
func (f *Feed) Close() (was bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was = f.closed
	f.closed, f.sinks = true, nil
	return was
}

// Wake says that there may be entries to deliver.
func (f *Feed) Wake() { signal(f.news) }

// Newest returns the position up to which entries were delivered.
func (f *Feed) Newest() history.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.epochs.Newest(f.head)
}

// Epochs returns the epochs of which the sinks have been told.
func (f *Feed) Epochs() history.Epochs {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.epochs
}

// IsIn reports whether the sinks have been told of the newest of the epochs.
func (f *Feed) IsIn(epochs history.Epochs) bool {
	return len(epochs) > 0 && epochs.Newest(0).Epoch == f.Newest().Epoch
}

// DeliverOwn delivers what this machine has appended, or has been told of, if all
// before it was delivered. Otherwise the tail does. It may change the slice.
func (f *Feed) DeliverOwn(epoch uint64, entries []*history.Entry) {
	if len(entries) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	same := f.epochs.Newest(0).Epoch == epoch
	if same {
		entries = f.undelivered(entries)
	}
	switch {
	case len(entries) == 0: // the tail was faster
	case same && entries[0].Seq() == f.head+1:
		f.deliver(entries)
	default:
		f.Wake()
	}
}

// undelivered removes entries up to the head. The caller holds f.mu.
func (f *Feed) undelivered(entries []*history.Entry) []*history.Entry {
	return slices.DeleteFunc(entries, func(e *history.Entry) bool { return e.Seq() <= f.head })
}

// deliver hands entries to the sinks. The caller holds f.mu.
func (f *Feed) deliver(entries []*history.Entry) {
	if len(entries) == 0 || f.closed {
		return
	}
	for _, e := range entries {
		f.trail.Add(e)
	}
	f.head = entries[len(entries)-1].Seq()
	for _, sink := range f.sinks {
		sink.Deliver(entries)
	}
}

// restart tells the sinks that the entries go on after a position of another
// epoch. The caller holds f.mu.
func (f *Feed) restart(epochs history.Epochs, at history.Position, lost bool) {
	f.epochs, f.head = epochs, at.Seq
	if lost {
		f.trail.Reset()
	}
	if f.closed {
		return
	}
	for _, sink := range f.sinks {
		if k, ok := sink.(history.EpochSink); ok {
			k.Restarted(at, lost)
		}
	}
}

// Pass delivers a page that was read when from was the result of Newest, and
// reports whether there may be more. The page must not go beyond the log's head.
func (f *Feed) Pass(from history.Position, l Log, page []*history.Entry) (more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.epochs.Newest(f.head)
	if now.Epoch != from.Epoch {
		return true
	}
	newest := len(l.Epochs) - 1
	if !l.Epochs.Knows(now) {
		last := l.Epochs[newest]
		f.restart(l.Epochs, history.Position{Epoch: last.ID, Seq: last.Base + last.Skip}, true)
		return true
	}
	page = f.undelivered(page)
	full := len(page) > 0 && page[len(page)-1].Seq() < l.Head // or its newest entries were removed
	// Entries may have been removed before they were delivered.
	if next := f.head + 1; len(page) > 0 && page[0].Seq() > next && next < l.Kept && page[0].Position.Epoch == now.Epoch {
		f.restart(f.epochs, history.Position{Epoch: now.Epoch, Seq: page[0].Seq() - 1}, true)
	}
	i := slices.IndexFunc(l.Epochs, func(e history.Epoch) bool { return e.ID == now.Epoch })
	for ; i < newest; i++ {
		next := l.Epochs[i+1]
		n := 0
		for n < len(page) && page[n].Seq() <= next.Base {
			n++
		}
		f.deliver(page[:n])
		if page = page[n:]; len(page) == 0 && full {
			return true
		}
		f.restart(l.Epochs[:i+2:i+2], history.Position{Epoch: next.ID, Seq: next.Base + next.Skip}, false)
	}
	f.epochs = l.Epochs
	f.deliver(page)
	return full
}
