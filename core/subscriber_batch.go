package core

import "sync"

// batch holds the entries that a subscriber delivers at once.
type batch struct {
	entries []*Entry
	scratch *scratch // memory of entries; nil in an empty batch
}

// scratch is the working memory for a batch. It comes from a pool, so that a
// subscriber that waits holds none.
type scratch struct {
	home   *sync.Pool
	found  []*Entry
	lists  [][]*Entry
	merged []*Entry
	frames [][]byte

	conflated int // number of events that newer ones took the place of
}

// newScratch returns working memory for a batch, from the pool if it has some.
func (h *Hub) newScratch() *scratch {
	if s, ok := h.scratch.Get().(*scratch); ok {
		return s
	}
	return &scratch{home: &h.scratch}
}

// directed reports whether some of the entries have an audience.
func (b batch) directed() bool {
	for _, e := range b.entries {
		if !e.To.Everybody() {
			return true
		}
	}
	return false
}

// release returns the batch's working memory to the pool. The caller must not
// use the entries afterwards.
func (b batch) release() {
	if s := b.scratch; s != nil {
		clear(s.found)
		clear(s.lists)
		clear(s.merged)
		clear(s.frames)
		s.found, s.lists, s.conflated = s.found[:0], s.lists[:0], 0
		s.merged, s.frames = s.merged[:0], s.frames[:0]
		s.home.Put(s)
	}
}

// fitting returns how many of the entries fit into one batch of most bytes: at
// least one, if there is one, and without splitting entries that were published
// together.
func fitting(entries []*Entry, most int) int {
	bytes := 0
	for i, e := range entries {
		bytes += e.Size()
		if i > 0 && (i >= batchEvents || bytes > most) && e.Position.Seq > entries[i-1].Until() {
			return i
		}
	}
	return len(entries)
}
