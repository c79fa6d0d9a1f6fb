package memstore

import (
	"context"
	"maps"
	"slices"
	"time"
	"weak"

	"github.com/tidings-go/tidings/core/history"
)

// maxTombs bounds the number of forgotten channels whose newest sequence number
// is remembered individually.
const maxTombs = 4096

// Forget implements [history.Store]. It does not block, and ignores ctx.
func (m *Store) Forget(_ context.Context, channel string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return history.ErrClosed
	}
	m.once.forget(channel)
	if h := m.channels[channel]; h != nil {
		m.forget(h)
	}
	return nil
}

// forget drops a channel, and notifies the sinks.
func (m *Store) forget(h *channel) {
	before := h.trimmed
	for h.ring.Len() > 0 {
		m.drop(h)
	}
	m.bury(h)
	m.tell(h, before)
}

// bury removes an empty channel, and remembers the sequence number of its
// newest entry.
func (m *Store) bury(h *channel) {
	delete(m.channels, h.name)
	m.oldest.Remove(h)
	m.bytes -= channelOverhead + len(h.name)
	if history.IsPrivate(h.name) {
		return // no client comes back to it
	}
	if len(m.tombs) >= maxTombs {
		m.foldTombs()
	}
	m.tombs[h.name] = h.trimmed
}

// foldTombs replaces the older half of the tombs by one sequence number. A
// client that comes back with an older ID finds a gap on every channel without
// entries, except those in tombs.
func (m *Store) foldTombs() {
	m.forgot = max(m.forgot, slices.Sorted(maps.Values(m.tombs))[len(m.tombs)/2])
	maps.DeleteFunc(m.tombs, func(_ string, seq uint64) bool { return seq <= m.forgot })
}

// drop removes the channel's oldest entry.
func (m *Store) drop(h *channel) {
	e := h.ring.Drop()
	m.bytes -= e.Size()
	h.trimmed = e.Position.Seq
	if e.OwnID() != "" && h.chosen[e.OwnID()] == e.Position.Seq {
		delete(h.chosen, e.OwnID())
	}
	if h.latest != nil && h.latest[e.Subject()] == e {
		delete(h.latest, e.Subject())
	}
}

// tell notifies the sinks if the channel was trimmed since before.
func (m *Store) tell(h *channel, before uint64) {
	if h.trimmed == before {
		return
	}
	for _, sink := range m.sinks {
		sink.Trimmed(h.name, h.trimmed)
	}
}

// trim drops entries above the channel's bounds.
func (m *Store) trim(h *channel, now time.Time) {
	before := h.trimmed
	for h.keep.Trims(h.extent(), now) {
		m.drop(h)
	}
	m.tell(h, before)
}

// extent returns what is kept of the channel.
func (h *channel) extent() history.Extent {
	n := h.ring.Len()
	if n == 0 {
		return history.Extent{}
	}
	return history.Extent{
		Events: int64(n), Bytes: int64(h.ring.Bytes()),
		Oldest: h.ring.At(0).Time, Newest: h.ring.At(n - 1).Time,
	}
}

// ageFrom makes the timer call age when the next entry of the channel gets too
// old.
func (m *Store) ageFrom(h *channel) {
	at := h.keep.Expires(h.extent())
	if at.IsZero() || m.aging != nil && !at.Before(m.agingAt) {
		return
	}
	m.ageAt(at)
}

// ageAt makes the timer call age at a time. The timer does not keep the store
// in memory.
func (m *Store) ageAt(at time.Time) {
	m.agingAt = at
	if m.aging != nil {
		m.aging.Reset(time.Until(at))
		return
	}
	store := weak.Make(m)
	m.aging = time.AfterFunc(time.Until(at), func() {
		if m := store.Value(); m != nil {
			m.age()
		}
	})
}

// age trims entries that are too old, forgets empty channels, and sets the
// timer for the next entry.
func (m *Store) age() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	now := time.Now()
	var next time.Time
	for _, h := range m.channels {
		m.trim(h, now)
		if h.ring.Len() == 0 {
			m.bury(h)
			continue
		}
		at := h.keep.Recheck(h.extent(), now)
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if m.aging = nil; !next.IsZero() {
		m.ageAt(next)
	}
}

// reclaim drops the oldest entries, whatever their channel, until the store is
// within TotalBytes.
func (m *Store) reclaim() {
	var last *channel // the channel that lost the last entry
	var before uint64
	for m.bytes > m.retention.TotalBytes {
		h, ok := m.oldest.First((*channel).oldest)
		if !ok || h.ring.At(0).Position.Seq == m.seq {
			break // the newest entry of all stays
		}
		if h != last {
			if last != nil {
				m.tell(last, before)
			}
			last, before = h, h.trimmed
		}
		if m.drop(h); h.ring.Len() == 0 {
			m.bury(h)
		}
	}
	if last != nil {
		m.tell(last, before)
	}
}

// oldest returns the sequence number of the oldest entry. Between calls of the
// store's methods, every channel has an entry.
func (h *channel) oldest() uint64 { return h.ring.At(0).Position.Seq }
