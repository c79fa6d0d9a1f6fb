package history

// View is what a store knows about the channels of a call before it reads
// entries. From it, all stores answer Read, Resolve and Bounds alike.
type View struct {
	// Epochs are the epochs of the store: at least one.
	Epochs Epochs
	// Head is the sequence number of the newest entry of the whole store.
	Head uint64
	// Channels describes each of the channels, in the order of the call.
	Channels []Kept
}

// Kept describes the entries that a store keeps of a channel, by sequence
// number. Entries that are too old are not kept, even if the store has not
// removed them yet.
type Kept struct {
	// Oldest and Newest are the first and the last entry, or 0 if there is none.
	Oldest, Newest uint64
	// Gone is the newest entry that is no longer kept, or 0 if there is none.
	Gone uint64
}

// Cursor moves over kept entries of one channel, in the order of their
// sequence numbers. A new cursor has no current entry.
type Cursor interface {
	// Seek makes the first entry after a sequence number the current one.
	Seek(after uint64) error
	// Next makes the next entry the current one.
	Next() error
	// Back makes the previous entry the current one. A cursor for a
	// Query.Snapshot does not need it.
	Back() error
	// Seq returns the sequence number of the current entry, or 0 if there is
	// none: before the first and after the last.
	Seq() uint64
	// Entry returns the current entry.
	Entry() (*Entry, error)
}

// Read answers a query. It takes the entries from the cursors, one for each
// channel of the query. For a Query.Snapshot, they have the newest entry of each
// subject only.
func (v View) Read(q Query, cursors []Cursor) (page Page, err error) {
	after := q.After.Seq
	switch {
	case q.Oldest:
		after = 0
	case q.Tail > 0:
		if after, err = v.tail(q.Tail, cursors); err != nil {
			return Page{}, err
		}
	case q.Follows():
		if reason := v.gap(q); reason != "" {
			oldest, newest := v.Bounds()
			return Page{}, &GapError{Reason: reason, Oldest: oldest, Newest: newest}
		}
	}
	if page, err = v.page(q, after, cursors); err != nil {
		return Page{}, err
	}
	if q.Oldest || q.Tail > 0 {
		page.Gone = make([]uint64, len(v.Channels))
		for i, kept := range v.Channels {
			page.Gone[i] = kept.Gone
		}
	}
	return page, nil
}

// gap returns why the store cannot tell which entries follow q.After, or "".
func (v View) gap(q Query) GapReason {
	switch {
	case !v.Epochs.Knows(q.After):
		return GapRestarted
	case q.After.Seq > v.Head:
		return GapUnknown
	}
	for i, kept := range v.Channels {
		excused := i < len(q.Gone) && kept.Gone <= q.Gone[i]
		if q.After.Seq < kept.Gone && !excused {
			return GapTrimmed
		}
	}
	return ""
}

// tail returns the sequence number after which the newest n entries begin.
func (v View) tail(n int, cursors []Cursor) (uint64, error) {
	for i, c := range cursors {
		if newest := v.Channels[i].Newest; newest > 0 {
			if err := c.Seek(newest - 1); err != nil {
				return 0, err
			}
		}
	}
	before := v.Head
	for range n {
		var last Cursor
		for _, c := range cursors {
			if c.Seq() != 0 && (last == nil || c.Seq() > last.Seq()) {
				last = c
			}
		}
		if last == nil {
			return 0, nil
		}
		before = last.Seq() - 1
		if err := last.Back(); err != nil {
			return 0, err
		}
	}
	return before, nil
}

// page returns a page of the entries after a sequence number.
func (v View) page(q Query, after uint64, cursors []Cursor) (Page, error) {
	seqs := make([]uint64, len(cursors)) // of the current entries
	for i, c := range cursors {
		if err := c.Seek(after); err != nil {
			return Page{}, err
		}
		seqs[i] = c.Seq()
	}
	events, bytes := q.Limits()
	page := Page{Through: v.Epochs.Newest(v.Head)}
	for i := lowest(seqs); i >= 0; i = lowest(seqs) {
		c := cursors[i]
		e, err := c.Entry()
		if err != nil {
			return Page{}, err
		}
		if n := len(page.Entries); n > 0 && (n >= events || e.Size() > bytes) {
			page.Through = page.Entries[n-1].Position
			break
		}
		page.Entries = append(page.Entries, e)
		bytes -= e.Size()
		if err := c.Next(); err != nil {
			return Page{}, err
		}
		seqs[i] = c.Seq()
	}
	return page, nil
}

// lowest returns the index of the lowest sequence number that is not 0, or -1.
func lowest(seqs []uint64) int {
	index := -1
	for i, seq := range seqs {
		if seq != 0 && (index < 0 || seq < seqs[index]) {
			index = i
		}
	}
	return index
}

// Bounds answers Store.Bounds.
func (v View) Bounds() (oldest, newest Position) {
	low, high := uint64(0), uint64(0)
	for _, kept := range v.Channels {
		if kept.Oldest != 0 && (low == 0 || kept.Oldest < low) {
			low = kept.Oldest
		}
		high = max(high, kept.Newest)
	}
	if low == 0 {
		return v.Epochs.Newest(v.Head), v.Epochs.Newest(v.Head)
	}
	return v.Epochs.At(low), v.Epochs.At(high)
}

// Resolve answers Store.Resolve. newest returns the sequence number of the
// newest entry with that ID of a channel, by its index, or 0. The entry need
// not be kept any more.
func (v View) Resolve(id string, newest func(channel int) uint64) (Position, error) {
	found := uint64(0)
	for i, kept := range v.Channels {
		if kept.Oldest == 0 {
			continue
		}
		if seq := newest(i); seq >= kept.Oldest && (found == 0 || seq < found) {
			found = seq
		}
	}
	if found != 0 {
		return v.Epochs.At(found), nil
	}
	// A hub asks for a position of the newest epoch if it began a moment ago. One
	// beyond the head has no entry.
	p, ok := ParsePosition(id)
	if ok && v.Epochs.Knows(p) && p.Seq <= v.Head {
		return p, nil
	}
	return Position{}, ErrUnknownID
}
