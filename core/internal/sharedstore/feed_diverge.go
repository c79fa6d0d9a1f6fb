package sharedstore

import "github.com/tidings-go/tidings/core/history"

// Diverged reports whether a storage with this head is behind what was delivered
// when from was the result of Newest, or has other entries at these positions.
// page begins at from.
func (f *Feed) Diverged(from history.Position, head uint64, page []*history.Entry) bool {
	if head < from.Seq {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range page {
		if _, differs := f.trail.Has(e); differs {
			return true
		}
		if e.Seq() > from.Seq {
			break
		}
	}
	return false
}

// Common returns the sequence number of the newest entry of a storage with this
// head that is the same as the one that was delivered, as far as that is known.
// read returns a page of entries from a sequence number on.
func (f *Feed) Common(from history.Position, head uint64, read func(next uint64) ([]*history.Entry, error)) (base uint64, err error) {
	f.mu.Lock()
	oldest := f.trail.Oldest()
	f.mu.Unlock()
	if oldest == 0 { // nothing was delivered since the store was opened
		return min(head, from.Seq), nil
	}
	for next := oldest; ; next = base + 1 {
		page, err := read(next)
		if err != nil {
			return 0, err
		}
		same := f.same(page)
		if same > 0 {
			base = page[same-1].Seq()
		}
		if same < len(page) || len(page) == 0 {
			return base, nil
		}
	}
}

// same returns how many of the first entries are those that were delivered.
func (f *Feed) same(page []*history.Entry) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n < len(page) {
		if has, _ := f.trail.Has(page[n]); !has {
			break
		}
		n++
	}
	return n
}
