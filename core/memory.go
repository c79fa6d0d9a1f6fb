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
	forgot   uint64 // the newest entry of any channel that is forgotten whole
	channels map[string]*history
	sinks    []Sink
	aging    *time.Timer // runs while there is something that can get too old
	closed   bool
}

var _ Store = (*MemoryStore)(nil)

// history is what is kept of one channel.
type history struct {
	ring    ring.Ring[*Entry]
	trimmed uint64            // the newest entry that was trimmed, or 0
	chosen  map[string]uint64 // the app's own IDs, and the newest entry of each
}

// NewMemoryStore returns an empty store in a new epoch.
func NewMemoryStore(retention Retention) *MemoryStore {
	return &MemoryStore{
		retention: retention.withDefaults(),
		epoch:     NewEpoch(),
		channels:  make(map[string]*history),
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
	for i, r := range records {
		m.seq++
		r.fill(entries[i], m.newest(), now)
		m.keep(entries[i])
	}
	for _, sink := range m.sinks {
		sink.Deliver(entries)
	}
	for i, r := range records {
		if i == 0 || r.Channel != records[i-1].Channel {
			m.trim(r.Channel, m.channels[r.Channel], now)
		}
	}
	if m.retention.Age > 0 && m.aging == nil {
		m.aging = time.AfterFunc(m.retention.Age, m.age)
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
	m.channels = nil
	if m.aging != nil {
		m.aging.Stop()
	}
	return nil
}

func (m *MemoryStore) newest() Position { return Position{Epoch: m.epoch, Seq: m.seq} }

func (m *MemoryStore) keep(e *Entry) {
	h := m.channels[e.Channel]
	if h == nil {
		h = &history{trimmed: m.forgot}
		m.channels[e.Channel] = h
	}
	h.ring.Push(e)
	if e.chosen != "" {
		if h.chosen == nil {
			h.chosen = make(map[string]uint64)
		}
		h.chosen[e.chosen] = e.Position.Seq
	}
}

// trim drops what is over the bounds, and tells the sinks.
func (m *MemoryStore) trim(name string, h *history, now time.Time) {
	before := h.trimmed
	for h.ring.Len() > 0 && m.over(h, now) {
		e := h.ring.Drop()
		h.trimmed = e.Position.Seq
		if e.chosen != "" && h.chosen[e.chosen] == e.Position.Seq {
			delete(h.chosen, e.chosen)
		}
	}
	if h.trimmed == before {
		return
	}
	for _, sink := range m.sinks {
		sink.Trimmed(name, h.trimmed)
	}
}

// over reports whether the oldest entry is over a bound.
func (m *MemoryStore) over(h *history, now time.Time) bool {
	r := m.retention
	return r.Events > 0 && h.ring.Len() > r.Events ||
		r.Bytes > 0 && h.ring.Bytes() > r.Bytes && h.ring.Len() > 1 ||
		r.Age > 0 && now.Sub(h.ring.At(0).Time) >= r.Age
}

// age trims what has become too old, forgets channels of which nothing is
// left, and comes back when the next entry gets too old.
func (m *MemoryStore) age() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	now := time.Now()
	var oldest time.Time
	for name, h := range m.channels {
		m.trim(name, h, now)
		if h.ring.Len() == 0 {
			m.forgot = max(m.forgot, h.trimmed)
			delete(m.channels, name)
			continue
		}
		if t := h.ring.At(0).Time; oldest.IsZero() || t.Before(oldest) {
			oldest = t
		}
	}
	m.aging = nil
	if !oldest.IsZero() {
		// Not more often than a hundred times in the span: one pass looks at
		// every channel.
		wait := max(oldest.Add(m.retention.Age).Sub(now), m.retention.Age/100)
		m.aging = time.AfterFunc(wait, m.age)
	}
}
