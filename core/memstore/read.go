package memstore

import (
	"context"
	"sort"
	"time"

	"github.com/tidings-go/tidings/core/history"
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
	v := m.view(q.Channels)
	return v.Read(q, m.cursors(q, v))
}

// Resolve implements [history.Store]. It does not block, and ignores ctx.
func (m *Store) Resolve(_ context.Context, channels []string, id string) (history.Position, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return history.Position{}, history.ErrClosed
	}
	return m.view(channels).Resolve(id, func(i int) uint64 { return m.channels[channels[i]].chosen[id] })
}

// Bounds implements [history.Store]. It does not block, and ignores ctx.
func (m *Store) Bounds(_ context.Context, channels []string) (oldest, newest history.Position, err error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return history.Position{}, history.Position{}, history.ErrClosed
	}
	oldest, newest = m.view(channels).Bounds()
	return oldest, newest, nil
}

// view returns what is kept of channels.
func (m *Store) view(channels []string) history.View {
	v := history.View{Epochs: m.epochs, Head: m.seq, Channels: make([]history.Kept, len(channels))}
	for i, name := range channels {
		if h := m.channels[name]; h != nil {
			v.Channels[i] = h.kept()
		} else {
			v.Channels[i].Gone = m.goneFrom(name)
		}
	}
	return v
}

// kept describes the channel's entries, without those that are too old.
func (h *channel) kept() history.Kept {
	kept, first, n := history.Kept{Gone: h.trimmed}, h.firstFresh(), h.ring.Len()
	if first > 0 {
		kept.Gone = h.ring.At(first - 1).Seq()
	}
	if first < n {
		kept.Oldest, kept.Newest = h.ring.At(first).Seq(), h.ring.At(n-1).Seq()
	}
	return kept
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

// cursor is a [history.Cursor] over n entries in memory.
type cursor struct {
	at func(i int) *history.Entry
	n  int
	i  int // of the current entry
}

// cursors returns the cursors for a query.
func (m *Store) cursors(q history.Query, v history.View) []history.Cursor {
	all := make([]history.Cursor, len(q.Channels))
	for i, kept := range v.Channels {
		c := &cursor{i: -1}
		all[i] = c
		if kept.Oldest == 0 {
			continue
		}
		h := m.channels[q.Channels[i]]
		if first := h.ring.After(kept.Oldest - 1); q.Snapshot {
			list := h.snapshot(q, first)
			c.n, c.at = len(list), func(i int) *history.Entry { return list[i] }
		} else {
			c.n, c.at = h.ring.Len()-first, func(i int) *history.Entry { return h.ring.At(first + i) }
		}
	}
	return all
}

// Seek implements [history.Cursor].
func (c *cursor) Seek(after uint64) error {
	c.i = sort.Search(c.n, func(i int) bool { return c.at(i).Seq() > after })
	return nil
}

// Next implements [history.Cursor].
func (c *cursor) Next() error { c.i++; return nil }

// Back implements [history.Cursor].
func (c *cursor) Back() error { c.i--; return nil }

// Seq implements [history.Cursor].
func (c *cursor) Seq() uint64 {
	if c.i < 0 || c.i >= c.n {
		return 0
	}
	return c.at(c.i).Seq()
}

// Entry implements [history.Cursor].
func (c *cursor) Entry() (*history.Entry, error) { return c.at(c.i), nil }
