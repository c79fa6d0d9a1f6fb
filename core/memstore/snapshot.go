package memstore

import (
	"cmp"
	"slices"

	"github.com/tidings-go/tidings/core/history"
)

// index makes the channels keep their latest entry of each subject from now on,
// so that a snapshot that is read in pages is not computed for each page.
func (m *Store) index(channels []string) {
	if m.indexed(channels) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range channels {
		if h := m.channels[name]; h != nil && h.latest == nil {
			h.latest = h.latestOfAll()
		}
	}
}

func (m *Store) indexed(channels []string) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return !slices.ContainsFunc(channels, func(name string) bool {
		h := m.channels[name]
		return h != nil && h.latest == nil
	})
}

// latestOfAll returns the channel's latest entry of each subject.
func (h *channel) latestOfAll() map[history.Subject]*history.Entry {
	latest := make(map[history.Subject]*history.Entry)
	for i := range h.ring.Len() {
		if e := h.ring.At(i); e.Key != "" {
			latest[e.Subject()] = e
		}
	}
	return latest
}

// snapshot returns the channel's newest entry of each subject, for one page of a
// snapshot, and one more if there is one. The entries before the index first are
// too old.
func (h *channel) snapshot(q history.Query, first int) (list []*history.Entry) {
	latest := h.latest
	if latest == nil { // the channel was made after index ran
		latest = h.latestOfAll()
	}
	first = max(h.ring.After(q.After.Seq), first)
	left := h.ring.Len() - first
	if left == 0 {
		return nil
	}
	if len(latest) < left/16 { // sort the few instead of walking the ring
		oldest := h.ring.At(first).Position.Seq
		for _, e := range latest {
			if e.Position.Seq >= oldest {
				list = append(list, e)
			}
		}
		slices.SortFunc(list, func(a, b *history.Entry) int { return cmp.Compare(a.Position.Seq, b.Position.Seq) })
		return list
	}
	events, bytes := q.Limits()
	for i := range left {
		e := h.ring.At(first + i)
		if e.Key == "" || latest[e.Subject()] != e {
			continue
		}
		list = append(list, e)
		if events, bytes = events-1, bytes-e.Size(); events < 0 || bytes < 0 && len(list) > 1 {
			break
		}
	}
	return list
}
