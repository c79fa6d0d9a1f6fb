package core

import (
	"container/heap"
	"context"
	"maps"
	"slices"
	"time"
	"weak"
)

// maxTombs is of how many forgotten channels it is remembered, one by one, what
// they had.
const maxTombs = 4096

// Forget implements [Store]. It does not block, and ignores ctx.
func (m *MemoryStore) Forget(_ context.Context, channel string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrHubClosed
	}
	m.once.forget(channel)
	if h := m.channels[channel]; h != nil {
		m.forget(channel, h)
	}
	return nil
}

// forget drops a channel, and tells the sinks.
func (m *MemoryStore) forget(name string, h *history) {
	before := h.trimmed
	for h.ring.Len() > 0 {
		m.drop(h)
	}
	m.bury(name, h)
	m.tell(name, h, before)
}

// bury removes a channel of which nothing is left, and remembers what it had.
func (m *MemoryStore) bury(name string, h *history) {
	delete(m.channels, name)
	m.bytes -= historyOverhead + len(name)
	if isPrivate(name) {
		return // nobody comes back to it
	}
	if len(m.tombs) >= maxTombs {
		m.foldTombs()
	}
	m.tombs[name] = h.trimmed
}

// foldTombs puts the older half of what is remembered of forgotten channels
// together: whoever comes back from before that finds a gap, on any channel of
// which nothing is kept.
func (m *MemoryStore) foldTombs() {
	m.forgot = max(m.forgot, slices.Sorted(maps.Values(m.tombs))[len(m.tombs)/2])
	maps.DeleteFunc(m.tombs, func(_ string, seq uint64) bool { return seq <= m.forgot })
}

// drop trims the channel's oldest entry.
func (m *MemoryStore) drop(h *history) {
	e := h.ring.Drop()
	m.bytes -= e.Size()
	h.trimmed = e.Position.Seq
	if e.chosen != "" && h.chosen[e.chosen] == e.Position.Seq {
		delete(h.chosen, e.chosen)
	}
	if h.latest != nil && h.latest[e.keyed()] == e {
		delete(h.latest, e.keyed())
	}
}

// tell tells the sinks what was trimmed of a channel, if anything was.
func (m *MemoryStore) tell(name string, h *history, before uint64) {
	if h.trimmed == before {
		return
	}
	for _, sink := range m.sinks {
		sink.Trimmed(name, h.trimmed)
	}
}

// trim drops what is over the channel's bounds.
func (m *MemoryStore) trim(name string, h *history, now time.Time) {
	before := h.trimmed
	for h.ring.Len() > 0 && h.over(now) {
		m.drop(h)
	}
	m.tell(name, h, before)
}

// over reports whether the oldest entry is over a bound.
func (h *history) over(now time.Time) bool {
	k := h.keep
	return k.Events > 0 && h.ring.Len() > k.Events ||
		k.Bytes > 0 && h.ring.Bytes() > k.Bytes && h.ring.Len() > 1 ||
		!h.fresh(h.ring.At(0), now)
}

// fresh reports whether an entry of the channel is not too old.
func (h *history) fresh(e *Entry, now time.Time) bool {
	if h.keep.Age > 0 && now.Sub(e.Time) >= h.keep.Age {
		return false
	}
	return !h.idle(now)
}

// idle reports whether the channel is to be forgotten.
func (h *history) idle(now time.Time) bool {
	n := h.ring.Len()
	return n > 0 && h.keep.Idle > 0 && now.Sub(h.ring.At(n-1).Time) >= h.keep.Idle
}

// expires returns when something of the channel gets too old next, or the zero
// time.
func (h *history) expires() (at time.Time) {
	if h.keep.Age > 0 {
		at = h.ring.At(0).Time.Add(h.keep.Age)
	}
	if h.keep.Idle > 0 {
		idle := h.ring.At(h.ring.Len() - 1).Time.Add(h.keep.Idle)
		if at.IsZero() || idle.Before(at) {
			at = idle
		}
	}
	return at
}

// ageFrom has age called when something of the channel gets too old.
func (m *MemoryStore) ageFrom(h *history) {
	at := h.expires()
	if at.IsZero() || m.aging != nil && !at.Before(m.agingAt) {
		return
	}
	m.ageAt(at)
}

// ageAt has age called at a time. The timer does not keep the store in memory.
func (m *MemoryStore) ageAt(at time.Time) {
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

// age trims what has become too old, forgets channels of which nothing is
// left, and comes back when the next entry gets too old.
func (m *MemoryStore) age() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	now := time.Now()
	var next time.Time
	for name, h := range m.channels {
		m.trim(name, h, now)
		if h.ring.Len() == 0 {
			m.bury(name, h)
			continue
		}
		at := h.expires()
		if at.IsZero() {
			continue
		}
		// Not more often than a hundred times in the span: one pass looks at
		// every channel.
		span := h.keep.Idle
		if h.keep.Age > 0 && (span <= 0 || h.keep.Age < span) {
			span = h.keep.Age
		}
		if soonest := now.Add(span / 100); at.Before(soonest) {
			at = soonest
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	if m.aging = nil; !next.IsZero() {
		m.ageAt(next)
	}
}

// reclaim drops the oldest entries, of whatever channel, until there is room
// again: some more than needed, as it looks at every channel.
func (m *MemoryStore) reclaim() {
	room := m.retention.TotalBytes - m.retention.TotalBytes/16
	oldest := make(byAge, 0, len(m.channels))
	before := make(map[*history]uint64)
	for name, h := range m.channels {
		if h.ring.Len() > 0 {
			oldest = append(oldest, named{name, h})
		}
	}
	heap.Init(&oldest)
	for m.bytes > room && len(oldest) > 0 {
		c := oldest[0]
		if c.ring.At(0).Position.Seq == m.seq {
			break // the newest of all stays
		}
		if _, ok := before[c.history]; !ok {
			before[c.history] = c.trimmed
		}
		m.drop(c.history)
		if c.ring.Len() > 0 {
			heap.Fix(&oldest, 0)
			continue
		}
		heap.Pop(&oldest)
		m.bury(c.name, c.history)
		m.tell(c.name, c.history, before[c.history])
		delete(before, c.history)
	}
	for _, c := range oldest {
		if seq, ok := before[c.history]; ok {
			m.tell(c.name, c.history, seq)
		}
	}
}

// named is a channel's history with its name.
type named struct {
	name string
	*history
}

// byAge is a heap of channels, the one with the oldest entry first.
type byAge []named

// Len implements [heap.Interface], as the others do.
func (b *byAge) Len() int { return len(*b) }

// Less compares the oldest entries.
func (b *byAge) Less(i, j int) bool {
	return (*b)[i].ring.At(0).Position.Seq < (*b)[j].ring.At(0).Position.Seq
}

// Swap swaps two channels.
func (b *byAge) Swap(i, j int) { (*b)[i], (*b)[j] = (*b)[j], (*b)[i] }

// Push appends a channel.
func (b *byAge) Push(x any) {
	c, _ := x.(named) // nothing else is pushed
	*b = append(*b, c)
}

// Pop removes the last channel.
func (b *byAge) Pop() any {
	last := len(*b) - 1
	c := (*b)[last]
	(*b)[last] = named{}
	*b = (*b)[:last]
	return c
}
