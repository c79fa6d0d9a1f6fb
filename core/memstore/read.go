package memstore

import (
	"context"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/ring"
)

// Read implements [history.Store]. It does not block, and ignores ctx.
func (m *Store) Read(_ context.Context, q history.Query) (history.Page, error) {
	if q.Snapshot {
		m.index(q.Channels)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return history.Page{}, history.ErrClosed
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
		return history.Page{}, &history.GapError{Reason: reason, Oldest: oldest, Newest: newest}
	}
	return m.page(q, q.After.Seq), nil
}

// gap returns the reason why the store cannot tell what follows q.After, or "".
func (m *Store) gap(q history.Query) history.GapReason {
	switch {
	case q.After.Epoch != m.epoch:
		return history.GapRestarted
	case q.After.Seq > m.seq:
		return history.GapUnknown
	}
	for i, gone := range m.gone(q.Channels) {
		excused := i < len(q.Gone) && gone <= q.Gone[i]
		if q.After.Seq < gone && !excused {
			return history.GapTrimmed
		}
	}
	return ""
}

// gone returns, for each channel, the sequence number of the newest entry that
// is no longer kept, or 0.
func (m *Store) gone(channels []string) []uint64 {
	gone := make([]uint64, len(channels))
	for i, name := range channels {
		gone[i] = m.goneFrom(name)
		if h := m.channels[name]; h != nil {
			gone[i] = h.gone()
		}
	}
	return gone
}

// page returns the kept entries after a sequence number.
func (m *Store) page(q history.Query, after uint64) history.Page {
	maxEvents, _ := q.Limits()
	lists := make([][]*history.Entry, 0, len(q.Channels))
	for _, name := range q.Channels {
		h := m.channels[name]
		if h == nil {
			continue
		}
		first := max(h.ring.After(after), h.firstFresh())
		n := h.ring.Len() - first
		if n > maxEvents {
			n = maxEvents + 1 // one more, so that Merge can tell that there is more
		}
		list := make([]*history.Entry, n)
		for i := range n {
			list[i] = h.ring.At(first + i)
		}
		lists = append(lists, list)
	}
	page := m.merge(q, lists)
	if !q.Follows() {
		page.Gone = m.gone(q.Channels)
	}
	return page
}

// tail returns the sequence number after which the newest q.Tail entries begin.
func (m *Store) tail(q history.Query) uint64 {
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

// merge returns a page of the entries in the lists.
func (m *Store) merge(q history.Query, lists [][]*history.Entry) history.Page {
	maxEvents, maxBytes := q.Limits()
	entries, all := ring.Merge(nil, lists, maxEvents, maxBytes, false)
	page := history.Page{Entries: entries, Through: m.newest()}
	if !all {
		page.Through = entries[len(entries)-1].Position
	}
	return page
}

// Resolve implements [history.Store]. It does not block, and ignores ctx.
func (m *Store) Resolve(_ context.Context, channels []string, id string) (history.Position, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return history.Position{}, history.ErrClosed
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
		return history.Position{}, history.ErrUnknownID
	}
	return history.Position{Epoch: m.epoch, Seq: found}, nil
}

// Bounds implements [history.Store]. It does not block, and ignores ctx.
func (m *Store) Bounds(_ context.Context, channels []string) (oldest, newest history.Position, err error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return history.Position{}, history.Position{}, history.ErrClosed
	}
	oldest, newest = m.bounds(channels)
	return oldest, newest, nil
}

func (m *Store) bounds(channels []string) (oldest, newest history.Position) {
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

// firstFresh returns the index of the first entry that is not too old. Older
// entries may not be trimmed yet.
func (h *channel) firstFresh() int {
	if h.keep.Age <= 0 && h.keep.Idle <= 0 {
		return 0
	}
	now, i := time.Now(), 0
	for extent := h.extent(); i < h.ring.Len() && !h.keep.Keeps(extent, h.ring.At(i).Time, now); {
		i++
	}
	return i
}

// gone returns the sequence number of the newest entry that is trimmed or too
// old, or 0.
func (h *channel) gone() uint64 {
	if i := h.firstFresh(); i > 0 {
		return h.ring.At(i - 1).Position.Seq
	}
	return h.trimmed
}
