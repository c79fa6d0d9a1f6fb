package core

import (
	"context"
	"fmt"
	"slices"

	"github.com/tidings-go/tidings/core/internal/ring"
)

// next returns the next entries, and moves the cursor past them. The batch is
// empty if there are none yet: the caller then waits for s.wake. The caller
// releases every batch before the next call.
//
// The errors are ErrSlow, errors of the store, the cause of ctx, and a
// GapError: the subscriber was too slow for a channel that skips, or history
// was trimmed while it was reading. After a GapError, the caller calls goOn and
// goes on.
func (s *subscriber) next(ctx context.Context) (batch, error) {
	// A store may return entries before it delivers them. By now they may be in
	// the rings.
	if s.history != nil && s.history.Follows() && s.ringsHold() {
		s.history = nil
	}
	if s.history == nil {
		return s.live(s.bound(s.hub.head.Load()))
	}
	var r replayed
	err := permit(ctx, s.hub.permits, func() (err error) { // for the read only: the consumer may take its time
		r, err = s.replay(ctx)
		return err
	})
	if err != nil {
		return batch{}, err
	}
	if len(r.entries) == 0 && s.history == nil {
		// Look into the rings at once: entries that were published meanwhile need not
		// wake the subscriber again.
		return s.live(s.bound(s.hub.head.Load()))
	}
	return batch{entries: r.entries, scratch: s.hub.newScratch()}, nil
}

// live takes the next batch from the rings, up to head.
func (s *subscriber) live(head uint64) (batch, error) {
	b, to, err := s.peek(head)
	if err == nil {
		s.moveTo(to)
	}
	return b, err
}

// peek returns the next batch from the rings, up to head, and the cursor after
// that batch. It does not move the cursor.
func (s *subscriber) peek(head uint64) (b batch, to uint64, err error) {
	if cursor := s.cursor.Load(); cursor >= head {
		return batch{}, cursor, nil
	}
	sc := s.hub.newScratch()
	b.scratch = sc
	all := true
	for i, c := range s.channels {
		from := len(sc.found)
		var ok, last bool
		if sc.found, last, ok = c.after(sc.found, s.from(i), head, batchEvents+1); !ok {
			b.release()
			return batch{}, 0, s.fellOut(i, head)
		}
		all = all && last
		sc.lists = append(sc.lists, sc.found[from:len(sc.found):len(sc.found)])
	}
	most := min(batchBytes, s.hub.cfg.PageBytes)
	if len(sc.lists) == 1 {
		found := sc.lists[0]
		b.entries = found[:fitting(found, most)]
		all = all && len(b.entries) == len(found)
	} else {
		var fits bool
		sc.merged, fits = ring.Merge(sc.merged, sc.lists, batchEvents, most, true)
		all = all && fits
		b.entries = sc.merged
	}
	if !all { // the next batch has the rest; a list that was cut short reaches at least this far
		head = b.entries[len(b.entries)-1].Position.Seq
	}
	for i, c := range s.channels {
		sc.conflated += c.conflated(s.from(i), head)
	}
	return b, head, nil
}

// query returns the query for the next page from the store.
func (s *subscriber) query() Query {
	q := *s.history
	q.MaxEvents, q.MaxBytes = batchEvents, s.hub.cfg.PageBytes
	if q.Follows() {
		q.Gone = excuses(q.Gone, s.skipThrough)
	}
	return q
}

// about returns the names of the channels to query. The first page of a Start
// leaves out channels that were added later.
func (s *subscriber) about(q Query) []string {
	names := make([]string, 0, len(s.channels))
	for i, c := range s.channels {
		if q.Follows() || s.skipThrough == nil || s.skipThrough[i] == 0 {
			names = append(names, c.name)
		}
	}
	return names
}

// replayed is a page of history that a subscriber has taken, with the state
// needed to take it again.
type replayed struct {
	query       Query
	skipThrough []uint64 // skipThrough of the subscriber before the page
	entries     []*Entry // entries that the subscriber takes
	all         bool     // the page has no other entries
}

// replay takes the next page from the store that has an entry for the
// subscriber, or the last page.
func (s *subscriber) replay(ctx context.Context) (replayed, error) {
	for {
		r, err := s.readPage(ctx)
		if err != nil || r.all || len(r.entries) > 0 || s.history == nil {
			return r, err
		}
	}
}

// readPage takes the next page from the store. It switches to the rings as soon
// as they hold all entries after the page.
func (s *subscriber) readPage(ctx context.Context) (replayed, error) {
	q := s.query()
	r := replayed{query: q, skipThrough: s.skipThrough}
	names := s.about(q)
	if len(names) == 0 { // the channels were removed: nothing is left of the beginning
		s.history = nil
		if len(s.channels) > 0 && !s.ringsHold() {
			s.history = &Query{After: s.hub.position(s.cursor.Load()), Gone: s.skipThrough}
		}
		return r, nil
	}
	page, err := s.hub.read(ctx, names, q)
	if err != nil {
		return r, err
	}
	if !q.Follows() && (!q.Oldest || len(names) < len(s.channels)) {
		// Entries that were published since the subscriber began come live, all of
		// them. A page that was chosen later must not pass over them, and must not
		// excuse those of them that were trimmed.
		began := s.cursor.Load()
		page = upToSeq(page, began)
		page.Gone = slices.Clone(page.Gone)
		for i := range page.Gone {
			page.Gone[i] = min(page.Gone[i], began)
		}
	}
	page = upToSeq(page, max(s.bound(page.Through.Seq), q.After.Seq))
	r.entries = page.Entries
	if s.skipThrough != nil {
		r.entries = slices.DeleteFunc(slices.Clone(r.entries), func(e *Entry) bool { return !wants(s.channels, s.skipThrough, e) })
	}
	r.all = len(r.entries) == len(page.Entries)
	if q.Snapshot && page.Through.Seq < s.cursor.Load() {
		s.history = &Query{Snapshot: true, After: page.Through} // the cursor already stands at the end
		return r, nil
	}
	s.moveTo(page.Through.Seq)
	if s.ringsHold() {
		s.history = nil
		return r, nil
	}
	gone := q.Gone
	if !q.Follows() {
		gone = spread(page.Gone, r.skipThrough)
	}
	s.history = &Query{After: page.Through, Gone: excuses(gone, r.skipThrough)}
	return r, nil
}

// spread expands a list with one element for each channel without a floor into
// a list with one element for each channel.
func spread(gone, floors []uint64) []uint64 {
	if floors == nil {
		return gone
	}
	all := make([]uint64, len(floors))
	for i, floor := range floors {
		if floor == 0 && len(gone) > 0 {
			all[i], gone = gone[0], gone[1:]
		}
	}
	return all
}

// excuses returns, for each channel, the sequence number up to which missing
// entries make no gap: the larger one of two lists, each of which may be nil.
func excuses(a, b []uint64) []uint64 {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	all := make([]uint64, len(a))
	for i := range all {
		all[i] = max(a[i], b[i])
	}
	return all
}

// begun reports whether the subscriber has taken all of its beginning.
func (s *subscriber) begun() bool { return s.history == nil || s.history.Follows() }

// awaits reports whether the subscriber is ahead of head, up to which entries
// were delivered. This happens when a shared store returns entries before it
// delivers them.
func (s *subscriber) awaits(head uint64) bool {
	q := s.history
	return q != nil && q.After.Epoch != 0 && q.After.Seq > head && s.cursor.Load() == q.After.Seq
}

// read reads a page from the store.
func (h *Hub) read(ctx context.Context, names []string, q Query) (Page, error) {
	q.Channels = names
	page, err := timed(h, "read", func() (Page, error) { return h.store.Read(ctx, q) })
	if err != nil {
		return Page{}, fmt.Errorf("tidings: history: %w", err)
	}
	return page, nil
}

// upToSeq returns the page without the entries after a sequence number.
func upToSeq(p Page, seq uint64) Page {
	if p.Through.Seq <= seq {
		return p
	}
	p.Through.Seq = seq
	n := len(p.Entries)
	for n > 0 && p.Entries[n-1].Position.Seq > seq {
		n--
	}
	p.Entries = p.Entries[:n]
	return p
}
