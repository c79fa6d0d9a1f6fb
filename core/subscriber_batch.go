package core

import "sync"

// batch is what a subscriber delivers at once.
type batch struct {
	entries []*Entry
	scratch *scratch // what it is made in; nil in an empty batch
}

// scratch is the working memory of making a batch. It belongs to no
// subscriber, so that one that waits needs none.
type scratch struct {
	home   *sync.Pool
	found  []*Entry
	lists  [][]*Entry
	merged []*Entry
	frames [][]byte
}

// newScratch returns working memory for a batch.
func (h *Hub) newScratch() *scratch {
	if s, ok := h.scratch.Get().(*scratch); ok {
		return s
	}
	return &scratch{home: &h.scratch}
}

// directed reports whether some of the entries are not for everybody.
func (b batch) directed() bool {
	for _, e := range b.entries {
		if !e.To.Everybody() {
			return true
		}
	}
	return false
}

// release gives back what the batch borrowed. Its entries are then no longer
// the caller's.
func (b batch) release() {
	if s := b.scratch; s != nil {
		clear(s.found)
		clear(s.lists)
		clear(s.merged)
		clear(s.frames)
		s.found, s.lists = s.found[:0], s.lists[:0]
		s.merged, s.frames = s.merged[:0], s.frames[:0]
		s.home.Put(s)
	}
}

// fitting returns how many of the entries go into one batch of so many bytes: at
// least one, if there is one, and all that were published together.
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
