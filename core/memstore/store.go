// Package memstore keeps the history of a hub in memory, for as long as the
// process lives. It is a hub's default: core.NewMemoryStore is New.
package memstore

import (
	"context"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/lazyheap"
	"github.com/tidings-go/tidings/core/internal/ring"
)

// Store keeps history in memory, for as long as the process lives. It is
// synchronous: what Append stores has been delivered when it returns.
type Store struct {
	retention history.Retention

	mu       sync.RWMutex
	epoch    uint64
	seq      uint64
	channels map[string]*channel
	bytes    int                     // of all channels together
	oldest   lazyheap.Heap[*channel] // all channels, by their oldest entry
	tombs    map[string]uint64       // the newest entry of each channel that was forgotten lately
	forgot   uint64                  // the same of those forgotten before, all together
	once     onceKeys
	sinks    []history.Sink
	aging    *time.Timer // runs while there is something that can get too old
	agingAt  time.Time   // when it next fires
	closed   bool
}

var _ history.Store = (*Store)(nil)

// channel is what is kept of one channel.
type channel struct {
	name    string
	place   lazyheap.Handle // in the store's oldest
	keep    history.ChannelRetention
	ring    ring.Ring[*history.Entry]
	trimmed uint64                             // the newest entry that was trimmed, or 0
	chosen  map[string]uint64                  // the app's own IDs, and the newest entry of each
	latest  map[history.Subject]*history.Entry // of each key; nil until somebody asks for a snapshot
}

// Handle is for the store's heap.
func (h *channel) Handle() *lazyheap.Handle { return &h.place }

// channelOverhead is about what a channel costs beside its entries.
const channelOverhead = 384

// New returns an empty store in a new epoch. It panics if a pattern
// of the retention is malformed.
func New(retention history.Retention) *Store {
	retention = retention.WithDefaults()
	return &Store{
		retention: retention,
		epoch:     history.NewEpoch(),
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
			r.Fill(entries[0], m.position(first.seq), first.at)
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

// newEntries returns n entries that are to be filled. One takes one allocation,
// and no more memory than by itself. Several are apart, so that each is freed
// when it is trimmed.
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

func (m *Store) position(seq uint64) history.Position {
	return history.Position{Epoch: m.epoch, Seq: seq}
}

func (m *Store) newest() history.Position { return m.position(m.seq) }

// goneFrom returns the newest entry of a channel that is not there, or no more
// than it can have had.
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
	if h != nil && h.ring.Len() > 0 && !h.fresh(h.ring.At(0), now) {
		m.trim(h, now) // a new event does not bring back what is too old
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
		m.ageFrom(h) // what is there before others expires before them
	}
}
