package core

import (
	"context"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core/internal/ring"
)

// MemoryStore keeps history in memory, for as long as the process lives. It is
// synchronous: what Append stores has been delivered when it returns.
type MemoryStore struct {
	retention Retention

	mu       sync.RWMutex
	epoch    uint64
	seq      uint64
	channels map[string]*history
	bytes    int               // of all channels together
	oldest   eldest[*history]  // all channels, by their oldest entry
	tombs    map[string]uint64 // the newest entry of each channel that was forgotten lately
	forgot   uint64            // the same of those forgotten before, all together
	once     onceKeys
	sinks    []Sink
	aging    *time.Timer // runs while there is something that can get too old
	agingAt  time.Time   // when it next fires
	closed   bool
}

var _ Store = (*MemoryStore)(nil)

// history is what is kept of one channel.
type history struct {
	name    string
	place   spot // in the store's oldest
	keep    ChannelRetention
	ring    ring.Ring[*Entry]
	trimmed uint64            // the newest entry that was trimmed, or 0
	chosen  map[string]uint64 // the app's own IDs, and the newest entry of each
	latest  map[keyed]*Entry  // of each key; nil until somebody asks for a snapshot
}

func (h *history) spot() *spot { return &h.place }

// historyOverhead is about what a channel costs beside its entries.
const historyOverhead = 384

// NewMemoryStore returns an empty store in a new epoch. It panics if a pattern
// of the retention is malformed.
func NewMemoryStore(retention Retention) *MemoryStore {
	retention = retention.WithDefaults()
	return &MemoryStore{
		retention: retention,
		epoch:     NewEpoch(),
		channels:  make(map[string]*history),
		tombs:     make(map[string]uint64),
		once:      onceKeys{window: retention.OnceWindow, max: retention.OnceKeys},
	}
}

// Attach implements [Store].
func (m *MemoryStore) Attach(sink Sink) (Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return Position{}, ErrHubClosed
	}
	m.sinks = append(m.sinks, sink)
	return m.newest(), nil
}

// Append implements [Store]. It does not block, and ignores ctx.
func (m *MemoryStore) Append(_ context.Context, records []Record) ([]*Entry, error) {
	entries := newEntries(len(records))
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrHubClosed
	}
	now := time.Now()
	if len(records) == 1 && records[0].Once != "" {
		r := records[0]
		if first, ok := m.once.first(r, now); ok {
			r.ID = first.id
			r.fill(entries[0], m.position(first.seq), first.at)
			return entries, nil
		}
		m.once.add(r, m.seq+1, now)
	}
	for i, r := range records {
		m.seq++
		r.fill(entries[i], m.newest(), now)
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
func newEntries(n int) []*Entry {
	if n == 1 {
		one := new(struct {
			entry Entry
			list  [1]*Entry
		})
		one.list[0] = &one.entry
		return one.list[:]
	}
	entries := make([]*Entry, n)
	for i := range entries {
		entries[i] = new(Entry)
	}
	return entries
}

// Close implements [Store].
func (m *MemoryStore) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.sinks = nil
	m.channels, m.oldest, m.tombs, m.once = nil, eldest[*history]{}, nil, onceKeys{}
	if m.aging != nil {
		m.aging.Stop()
	}
	return nil
}

func (m *MemoryStore) position(seq uint64) Position { return Position{Epoch: m.epoch, Seq: seq} }

func (m *MemoryStore) newest() Position { return m.position(m.seq) }

// goneFrom returns the newest entry of a channel that is not there, or no more
// than it can have had.
func (m *MemoryStore) goneFrom(name string) uint64 {
	if seq, ok := m.tombs[name]; ok {
		return seq
	}
	if isPrivate(name) {
		return 0
	}
	return m.forgot
}

func (m *MemoryStore) keep(e *Entry, now time.Time) {
	h := m.channels[e.Channel]
	if h != nil && h.ring.Len() > 0 && !h.fresh(h.ring.At(0), now) {
		m.trim(h, now) // a new event does not bring back what is too old
	}
	if h == nil {
		h = &history{name: e.Channel, keep: m.retention.Of(e.Channel), trimmed: m.goneFrom(e.Channel)}
		delete(m.tombs, e.Channel)
		m.channels[e.Channel] = h
		m.oldest.add(h, e.Position.Seq)
		m.bytes += historyOverhead + len(e.Channel)
	}
	h.ring.Push(e)
	m.bytes += e.Size()
	if e.chosen != "" {
		if h.chosen == nil {
			h.chosen = make(map[string]uint64)
		}
		h.chosen[e.chosen] = e.Position.Seq
	}
	if h.latest != nil && e.Key != "" {
		h.latest[e.keyed()] = e
	}
	if h.ring.Len() == 1 {
		m.ageFrom(h) // what is there before others expires before them
	}
}
