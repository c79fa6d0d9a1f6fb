// Package memstore keeps the history of a hub in memory, for the lifetime of
// the process. It is the default of a hub: core.NewMemoryStore calls New.
package memstore

import (
	"context"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/lazyheap"
	"github.com/tidings-go/tidings/core/internal/ring"
)

// Store keeps history in memory, for the lifetime of the process. It is
// synchronous: Append delivers the entries before it returns.
type Store struct {
	retention history.Retention

	// mu guards all fields below
	mu       sync.RWMutex
	epochs   history.Epochs // only one
	seq      uint64
	channels map[string]*channel
	bytes    int                     // size of all channels together
	oldest   lazyheap.Heap[*channel] // all channels, by their oldest entry
	tombs    map[string]uint64       // sequence number of the newest entry, by forgotten channel
	forgot   uint64                  // largest sequence number that foldTombs removed from tombs
	once     onceKeys
	sinks    []history.Sink
	aging    *time.Timer // nil if it does not run
	agingAt  time.Time   // when aging fires next
	closed   bool
}

var _ history.Store = (*Store)(nil)

// channel holds the entries that are kept of one channel.
type channel struct {
	name    string
	place   lazyheap.Handle // place in the store's oldest
	keep    history.ChannelRetention
	ring    ring.Ring[*history.Entry]
	trimmed uint64                             // sequence number of the newest entry that was trimmed, or 0
	chosen  map[string]uint64                  // sequence number of the newest entry, by the app's own ID
	latest  map[history.Subject]*history.Entry // by subject; nil until a snapshot is read
}

// Handle returns the channel's place in the store's heap.
func (h *channel) Handle() *lazyheap.Handle { return &h.place }

// channelOverhead is about how many bytes a channel takes beside its entries.
const channelOverhead = 384

// New returns an empty store in a new epoch. It panics if a pattern of the
// retention is malformed.
func New(retention history.Retention) *Store {
	retention = retention.WithDefaults()
	return &Store{
		retention: retention,
		epochs:    history.Epochs(nil).Begin(0),
		channels:  make(map[string]*channel),
		tombs:     make(map[string]uint64),
		once:      onceKeys{window: retention.OnceWindow, max: retention.OnceKeys},
	}
}

// Attach implements [history.Store].
func (m *Store) Attach(sink history.Sink) (history.Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return history.Position{}, history.ErrClosed
	}
	m.sinks = append(m.sinks, sink)
	return m.newest(), nil
}

// Append implements [history.Store]. It does not block, and ignores ctx.
func (m *Store) Append(_ context.Context, records []history.Record) ([]*history.Entry, error) {
	entries := newEntries(len(records))
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, history.ErrClosed
	}
	now := time.Now()
	if len(records) == 1 && records[0].Once != "" {
		r := records[0]
		if first, ok := m.once.first(r, now); ok {
			r.ID = first.id
			r.Fill(entries[0], m.epochs.At(first.seq), first.at)
			return entries, nil
		}
		m.once.add(r, m.seq+1, now)
	}
	for i, r := range records {
		m.seq++
		r.Fill(entries[i], m.newest(), now)
		m.keep(entries[i], now)
	}
	for _, sink := range m.sinks {
		sink.Deliver(entries)
	}
	for i, r := range records {
		if i == 0 || r.Channel != records[i-1].Channel {
			m.trim(m.channels[r.Channel], now)
		}
	}
	if m.retention.TotalBytes > 0 && m.bytes > m.retention.TotalBytes {
		m.reclaim()
	}
	return entries, nil
}

// newEntries returns n entries to be filled. A single entry and its slice share
// one allocation. Several entries are allocated separately, so that each is
// freed when it is trimmed.
func newEntries(n int) []*history.Entry {
	if n == 1 {
		one := new(struct {
			entry history.Entry
			list  [1]*history.Entry
		})
		one.list[0] = &one.entry
		return one.list[:]
	}
	entries := make([]*history.Entry, n)
	for i := range entries {
		entries[i] = new(history.Entry)
	}
	return entries
}

// Close implements [history.Store].
func (m *Store) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.sinks = nil
	m.channels, m.oldest, m.tombs, m.once = nil, lazyheap.Heap[*channel]{}, nil, onceKeys{}
	if m.aging != nil {
		m.aging.Stop()
	}
	return nil
}

func (m *Store) newest() history.Position { return m.epochs.Newest(m.seq) }

// goneFrom returns the sequence number of the newest entry of a channel that is
// not in channels, or an upper bound of it.
func (m *Store) goneFrom(name string) uint64 {
	if seq, ok := m.tombs[name]; ok {
		return seq
	}
	if history.IsPrivate(name) {
		return 0
	}
	return m.forgot
}

func (m *Store) keep(e *history.Entry, now time.Time) {
	h := m.channels[e.Channel]
	if h != nil && h.ring.Len() > 0 && !h.keep.Keeps(h.extent(), h.ring.At(0).Time, now) {
		m.trim(h, now) // a new event does not make old ones fresh again
	}
	if h == nil {
		h = &channel{name: e.Channel, keep: m.retention.Of(e.Channel), trimmed: m.goneFrom(e.Channel)}
		delete(m.tombs, e.Channel)
		m.channels[e.Channel] = h
		m.oldest.Add(h, e.Position.Seq)
		m.bytes += channelOverhead + len(e.Channel)
	}
	h.ring.Push(e)
	m.bytes += e.Size()
	if e.OwnID() != "" {
		if h.chosen == nil {
			h.chosen = make(map[string]uint64)
		}
		h.chosen[e.OwnID()] = e.Position.Seq
	}
	if h.latest != nil && e.Key != "" {
		h.latest[e.Subject()] = e
	}
	if h.ring.Len() == 1 {
		m.ageFrom(h) // the first entry expires before later ones
	}
}
