package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidings-go/tidings/core/internal/ring"
)

// How much a subscriber takes at once: what goes out in one write.
const (
	batchEvents = 256
	batchBytes  = 64 << 10
)

// subscriber is a cursor into the order of a hub: everything on its channels
// up to the cursor has been taken. Its methods are called by one goroutine,
// except notify.
type subscriber struct {
	hub      *Hub
	channels []*channel
	shard    int
	start    Start

	cursor uint64
	// history is the query for the next page from the store; nil while all
	// that follows the cursor is in the rings.
	history *Query

	wake chan struct{} // has room for one; nil until listen
}

// subscribe attaches a subscriber. If the gap is not nil, what follows after
// cannot be told, and the subscriber goes on from its start.
func (h *Hub) subscribe(ctx context.Context, sub Subscription) (s *subscriber, gap *GapError, err error) {
	names, err := channelSet(sub.Channels)
	if err != nil {
		return nil, nil, err
	}
	s = &subscriber{hub: h, start: sub.Start}
	s.shard = int(h.next.Add(1) % uint64(len(h.shards))) //nolint:gosec // It is less than a length.
	s.attach(names)
	if sub.After == "" {
		s.restart()
		return s, nil, nil
	}
	err = s.resume(ctx, sub.After)
	if errors.As(err, &gap) {
		s.restart()
		return s, gap, nil
	}
	if err != nil {
		s.close()
		return nil, nil, err
	}
	return s, nil, nil
}

// attach takes hold of the subscriber's channels: their rings keep what is
// delivered from here on.
func (s *subscriber) attach(names []string) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.channels = make([]*channel, len(names))
	for i, name := range names {
		s.channels[i] = s.hub.channel(name)
		s.channels[i].refs++
	}
}

// names returns the names of the subscriber's channels.
func (s *subscriber) names() []string {
	names := make([]string, len(s.channels))
	for i, c := range s.channels {
		names[i] = c.name
	}
	return names
}

// listen has the subscriber woken for whatever is delivered from here on. What
// was delivered before, next returns.
func (s *subscriber) listen() {
	s.wake = make(chan struct{}, 1)
	for _, c := range s.channels {
		c.shards[s.shard].add(s)
	}
}

// close takes the subscriber off its channels, and drops those that nothing
// is left of.
func (s *subscriber) close() {
	if s.wake != nil {
		for _, c := range s.channels {
			c.shards[s.shard].remove(s)
		}
	}
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	for _, c := range s.channels {
		if c.refs--; c.refs > 0 {
			continue
		}
		c.release()
		if c.idle(s.hub.base) {
			delete(s.hub.channels, c.name)
		}
	}
}

// notify wakes the subscriber, now or when it next waits.
func (s *subscriber) notify() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// restart moves the cursor to where the subscription starts.
func (s *subscriber) restart() {
	s.history = nil
	s.cursor = s.hub.head.Load()
	switch s.start.from {
	case fromNow:
	case fromOldest:
		s.history = &Query{Oldest: true}
	case fromTail:
		s.history = &Query{Tail: s.start.n}
	case fromSnapshot:
		s.history = &Query{Snapshot: true}
	}
}

// resume moves the cursor to an ID. It returns a GapError if what follows the
// ID cannot be told.
func (s *subscriber) resume(ctx context.Context, id string) error {
	at, position := ParsePosition(id)
	if !position || at.Epoch != s.hub.epoch {
		// The app's own ID, or a position from before a restart.
		found, err := s.hub.store.Resolve(ctx, s.names(), id)
		switch {
		case errors.Is(err, ErrUnknownID) && position:
			return s.hub.gap(ctx, s.names(), GapRestarted)
		case errors.Is(err, ErrUnknownID):
			return s.hub.gap(ctx, s.names(), GapUnknown)
		case err != nil:
			return fmt.Errorf("tidings: last event id: %w", err)
		}
		at = found
	}
	s.cursor = at.Seq
	if s.ringsHold() {
		return nil
	}
	s.history = &Query{After: at}
	// A look ahead: whether there is a gap must be known before the head of
	// the response says that there is none.
	_, err := s.hub.read(ctx, s.names(), Query{After: at, MaxEvents: 1})
	return err
}

// gap returns a GapError with the bounds of the channels.
func (h *Hub) gap(ctx context.Context, names []string, reason GapReason) error {
	oldest, newest, err := h.store.Bounds(ctx, names)
	if err != nil {
		return fmt.Errorf("tidings: bounds of history: %w", err)
	}
	return &GapError{Reason: reason, Oldest: oldest, Newest: newest}
}

// ringsHold reports whether the rings hold all that follows the cursor.
func (s *subscriber) ringsHold() bool {
	if s.cursor > s.hub.head.Load() {
		return false
	}
	for _, c := range s.channels {
		if !c.has(s.cursor) {
			return false
		}
	}
	return true
}

// next returns what follows, and moves the cursor behind it. The batch is
// empty if there is nothing yet: wait for s.wake. Release every batch before
// the next call.
//
// The errors are ErrSlow, a GapError when history was trimmed under a
// subscriber that was reading it (call restart to go on), and the store's.
func (s *subscriber) next(ctx context.Context) (batch, error) {
	// A store may hand out what it has not delivered yet. By now it may have.
	if s.history != nil && s.history.follows() && s.ringsHold() {
		s.history = nil
	}
	if s.history == nil {
		return s.live(s.hub.head.Load())
	}
	select {
	case s.hub.replays <- struct{}{}:
	case <-ctx.Done():
		return batch{}, context.Cause(ctx)
	}
	entries, err := s.replay(ctx)
	if err != nil {
		<-s.hub.replays
		return batch{}, err
	}
	if len(entries) == 0 && s.history == nil {
		// What was published meanwhile has woken nobody who still has to wait.
		<-s.hub.replays
		return s.live(s.hub.head.Load())
	}
	return batch{entries: entries, scratch: s.hub.newScratch(), replays: s.hub.replays}, nil
}

// live takes the next batch from the rings, up to head.
func (s *subscriber) live(head uint64) (batch, error) {
	if s.cursor >= head {
		return batch{}, nil
	}
	sc := s.hub.newScratch()
	b := batch{scratch: sc}
	for _, c := range s.channels {
		from := len(sc.found)
		var ok bool
		if sc.found, ok = c.after(sc.found, s.cursor, head, batchEvents+1); !ok {
			b.release()
			return batch{}, ErrSlow
		}
		sc.lists = append(sc.lists, sc.found[from:len(sc.found):len(sc.found)])
	}
	s.cursor = head
	if len(sc.lists) == 1 {
		b.entries = sc.lists[0]
		if n := fitting(b.entries); n < len(b.entries) {
			b.entries = b.entries[:n]
			s.cursor = b.entries[n-1].Position.Seq
		}
		return b, nil
	}
	var all bool
	if sc.merged, all = ring.Merge(sc.merged, sc.lists, batchEvents, batchBytes); !all {
		s.cursor = sc.merged[len(sc.merged)-1].Position.Seq
	}
	b.entries = sc.merged
	return b, nil
}

// replay takes the next page from the store, and hands over to the rings as
// soon as they hold what follows it.
func (s *subscriber) replay(ctx context.Context) ([]*Entry, error) {
	q := *s.history
	q.MaxEvents, q.MaxBytes = batchEvents, batchBytes
	page, err := s.hub.read(ctx, s.names(), q)
	if err != nil {
		return nil, err
	}
	if !q.Oldest && !q.follows() {
		// What was published since the subscriber began comes live, all of it:
		// a page that was chosen later must not pass it over.
		page = page.upTo(s.cursor)
	}
	s.cursor = page.Through.Seq
	if s.ringsHold() {
		s.history = nil
	} else {
		gone := q.Gone
		if !q.follows() {
			gone = page.Gone
		}
		s.history = &Query{After: page.Through, Gone: gone}
	}
	return page.Entries, nil
}

// awaits reports whether the subscriber is ahead of what was delivered up to
// head: the store it read from is shared, and was faster.
func (s *subscriber) awaits(head uint64) bool {
	q := s.history
	return q != nil && q.After.Epoch != 0 && q.After.Seq > head && s.cursor == q.After.Seq
}

// read asks the store for a page.
func (h *Hub) read(ctx context.Context, names []string, q Query) (Page, error) {
	q.Channels = names
	page, err := h.store.Read(ctx, q)
	if err != nil {
		return Page{}, fmt.Errorf("tidings: history: %w", err)
	}
	return page, nil
}

// upTo returns the page without what follows a sequence number.
func (p Page) upTo(seq uint64) Page {
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
