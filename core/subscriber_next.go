package core

import (
	"context"
	"fmt"
	"math"

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
	err := s.hub.ask(ctx, s.hub.permits, func() (err error) { // for the read only: the consumer may take its time
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
	for _, c := range s.channels {
		from := len(sc.found)
		var ok, last bool
		if sc.found, last, ok = c.after(sc.found, s.from(c), head, batchEvents+1); !ok {
			b.release()
			return batch{}, 0, s.fellOut(c, head)
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
	for _, c := range s.channels {
		sc.conflated += c.conflated(s.from(c), head)
	}
	return b, head, nil
}

// query returns the query for the next page from the store, and the channels
// that it is about. A beginning leaves out channels that were added later.
func (s *subscriber) query() (q Query, channels []*channel) {
	q = *s.history
	q.MaxEvents, q.MaxBytes = batchEvents, s.hub.cfg.PageBytes
	for _, c := range s.channels {
		if s.skipThrough[c] == 0 || q.Follows() {
			channels = append(channels, c)
			q.Channels = append(q.Channels, c.name)
		}
		if q.Follows() {
			q.Gone = append(q.Gone, s.skipThrough[c])
		}
	}
	return q, channels
}

// replayed is a page of history that a subscriber has taken, with the state
// needed to take it again.
type replayed struct {
	query       Query    // the subscriber's history before the page
	skipThrough marks    // and its skipThrough
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
	r := replayed{query: *s.history, skipThrough: s.skipThrough}
	q, channels := s.query()
	page := Page{Through: s.hub.position(s.cursor.Load())}
	if len(channels) > 0 { // otherwise they were removed, and nothing is left to read
		var err error
		if page, err = s.hub.read(ctx, q); err != nil {
			return r, err
		}
	}
	end := uint64(math.MaxUint64)
	if !q.Follows() && (!q.Oldest || len(channels) < len(s.channels)) {
		// Entries that were published since the subscriber began come live, all of
		// them. A page that was chosen later must not pass over them, and must not
		// excuse those of them that were trimmed.
		end = s.cursor.Load()
	}
	gone := make(marks)
	for i, c := range channels {
		if i < len(page.Gone) && !q.Follows() {
			gone[c] = min(page.Gone[i], end)
		}
	}
	page = upToSeq(page, max(min(end, s.bound(page.Through.Seq)), q.After.Seq))
	r.entries = page.Entries
	if s.skipThrough != nil {
		r.entries = s.wanted(r.entries, s.skipThrough)
	}
	r.all = len(r.entries) == len(page.Entries)
	if q.Snapshot && page.Through.Seq < s.cursor.Load() {
		s.history = &Query{Snapshot: true, After: page.Through} // the cursor already stands at the end
		return r, nil
	}
	s.skipThrough = s.skipThrough.with(gone)
	s.moveTo(page.Through.Seq)
	s.history = nil
	if !s.ringsHold() {
		s.history = &Query{After: page.Through}
	}
	return r, nil
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
func (h *Hub) read(ctx context.Context, q Query) (Page, error) {
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
