package core

import (
	"context"
	"time"

	"github.com/tidings-go/tidings/core/internal/ring"
)

// Read implements [Store]. It does not block, and ignores ctx.
func (m *MemoryStore) Read(_ context.Context, q Query) (Page, error) {
	if q.Snapshot {
		m.index(q.Channels)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return Page{}, ErrHubClosed
	}
	switch {
	case q.Snapshot:
		return m.snapshot(q), nil
	case q.Oldest:
		return m.page(q, 0), nil
	case q.Tail > 0:
		return m.page(q, m.tail(q)), nil
	}
	if reason := m.gap(q); reason != "" {
		oldest, newest := m.bounds(q.Channels)
		return Page{}, &GapError{Reason: reason, Oldest: oldest, Newest: newest}
	}
	return m.page(q, q.After.Seq), nil
}

// gap returns why the store cannot tell what follows q.After, or nothing.
func (m *MemoryStore) gap(q Query) GapReason {
	switch {
	case q.After.Epoch != m.epoch:
		return GapRestarted
	case q.After.Seq > m.seq:
		return GapUnknown
	}
	for i, gone := range m.gone(q.Channels) {
		excused := i < len(q.Gone) && gone <= q.Gone[i]
		if q.After.Seq < gone && !excused {
			return GapTrimmed
		}
	}
	return ""
}

// gone returns the newest entry of each channel that is not kept any more.
func (m *MemoryStore) gone(channels []string) []uint64 {
	gone := make([]uint64, len(channels))
	for i, name := range channels {
		gone[i] = m.goneFrom(name)
		if h := m.channels[name]; h != nil {
			gone[i] = h.gone()
		}
	}
	return gone
}

// page returns what follows a sequence number, as far as it is kept.
func (m *MemoryStore) page(q Query, after uint64) Page {
	maxEvents, _ := q.bounds()
	lists := make([][]*Entry, 0, len(q.Channels))
	for _, name := range q.Channels {
		h := m.channels[name]
		if h == nil {
			continue
		}
		first := max(h.ring.After(after), h.firstFresh())
		n := h.ring.Len() - first
		if n > maxEvents {
			n = maxEvents + 1 // so that Merge can tell that there is more
		}
		list := make([]*Entry, n)
		for i := range n {
			list[i] = h.ring.At(first + i)
		}
		lists = append(lists, list)
	}
	page := m.merge(q, lists)
	if !q.follows() {
		page.Gone = m.gone(q.Channels)
	}
	return page
}

// tail returns the sequence number that the newest q.Tail entries follow.
func (m *MemoryStore) tail(q Query) uint64 {
	// Walk back over all channels at once, one entry at a time.
	left := make([]int, len(q.Channels))
	for i, name := range q.Channels {
		if h := m.channels[name]; h != nil {
			left[i] = h.ring.Len()
		}
	}
	before := m.seq
	for range q.Tail {
		newest, at := uint64(0), -1
		for i, name := range q.Channels {
			if left[i] == 0 {
				continue
			}
			if seq := m.channels[name].ring.At(left[i] - 1).Position.Seq; seq > newest {
				newest, at = seq, i
			}
		}
		if at < 0 {
			return 0
		}
		left[at]--
		before = newest - 1
	}
	return before
}

// merge returns a page of what the lists hold.
func (m *MemoryStore) merge(q Query, lists [][]*Entry) Page {
	maxEvents, maxBytes := q.bounds()
	entries, all := ring.Merge(nil, lists, maxEvents, maxBytes, false)
	page := Page{Entries: entries, Through: m.newest()}
	if !all {
		page.Through = entries[len(entries)-1].Position
	}
	return page
}

// Resolve implements [Store]. It does not block, and ignores ctx.
func (m *MemoryStore) Resolve(_ context.Context, channels []string, id string) (Position, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return Position{}, ErrHubClosed
	}
	found := uint64(0)
	for _, name := range channels {
		h := m.channels[name]
		if h == nil {
			continue
		}
		seq, ok := h.chosen[id]
		if ok && seq > h.gone() && (found == 0 || seq < found) {
			found = seq
		}
	}
	if found == 0 {
		return Position{}, ErrUnknownID
	}
	return Position{Epoch: m.epoch, Seq: found}, nil
}

// Bounds implements [Store]. It does not block, and ignores ctx.
func (m *MemoryStore) Bounds(_ context.Context, channels []string) (oldest, newest Position, err error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return Position{}, Position{}, ErrHubClosed
	}
	oldest, newest = m.bounds(channels)
	return oldest, newest, nil
}

func (m *MemoryStore) bounds(channels []string) (oldest, newest Position) {
	for _, name := range channels {
		h := m.channels[name]
		if h == nil {
			continue
		}
		first, n := h.firstFresh(), h.ring.Len()
		if first == n {
			continue
		}
		if p := h.ring.At(first).Position; oldest.Seq == 0 || p.Seq < oldest.Seq {
			oldest = p
		}
		if p := h.ring.At(n - 1).Position; p.Seq > newest.Seq {
			newest = p
		}
	}
	if oldest.Seq == 0 {
		return m.newest(), m.newest()
	}
	return oldest, newest
}

// firstFresh returns the index of the first entry that is not too old, though
// not trimmed yet.
func (h *history) firstFresh() int {
	if h.keep.Age <= 0 && h.keep.Idle <= 0 {
		return 0
	}
	now, i := time.Now(), 0
	for i < h.ring.Len() && !h.fresh(h.ring.At(i), now) {
		i++
	}
	return i
}

// gone returns the newest entry that is trimmed, or too old.
func (h *history) gone() uint64 {
	if i := h.firstFresh(); i > 0 {
		return h.ring.At(i - 1).Position.Seq
	}
	return h.trimmed
}
