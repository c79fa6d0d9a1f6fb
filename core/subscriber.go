package core

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
)

// Bounds of one batch, which goes out in one write.
const (
	batchEvents = 256
	batchBytes  = 64 << 10
)

// subscriber is a cursor into the order of a hub: it has taken all entries of
// its channels up to the cursor. Only one goroutine at a time calls its
// methods, except notify and reads of the cursor.
type subscriber struct {
	hub    *Hub
	stream *Stream // its audiences and filter apply; nil for a subscriber inside the program
	// Channels
	shard int
	start Start

	// channels has references to the channels. The subscriber's goroutine changes
	// it under the stream's mu.
	channels []*channel
	// skipThrough: entries of a channel up to this sequence number are neither
	// delivered nor reported as a gap. It is nil once the cursor is past all of
	// them.
	skipThrough marks
	// unreportedThrough: the client has everything up to this sequence number, but
	// its last event ID lies before it, because the newest entries were not for
	// this client. 0 if the ID is up to date.
	unreportedThrough uint64

	// Position
	cursor atomic.Uint64
	// history is the query for the next page from the store. It is nil while the
	// rings hold all entries after the cursor.
	history *Query

	wake chan struct{} // capacity 1; nil until listen
}

// marks holds a sequence number for some channels. It is not changed, but
// replaced.
type marks map[*channel]uint64

// with returns the marks of both, the larger one where both have one.
func (m marks) with(others marks) marks {
	if len(others) == 0 {
		return m
	}
	all := maps.Clone(others)
	for c, seq := range m {
		all[c] = max(all[c], seq)
	}
	return all
}

// of returns the marks of some channels.
func (m marks) of(channels []*channel) marks {
	some := make(marks)
	for _, c := range channels {
		if seq := m[c]; seq > 0 {
			some[c] = seq
		}
	}
	return some
}

// last returns the largest of the sequence numbers.
func (m marks) last() (seq uint64) {
	for _, at := range m {
		seq = max(seq, at)
	}
	return seq
}

// subscribe attaches a subscriber to its channels. If gap is not nil, the
// entries after sub.After cannot be determined, and the subscriber begins at
// its Start.
func (h *Hub) subscribe(ctx context.Context, stream *Stream, sub Subscription) (s *subscriber, gap *GapError, err error) {
	names, err := sub.names()
	if err != nil {
		return nil, nil, err
	}
	s = &subscriber{hub: h, stream: stream, start: sub.Start}
	s.shard = int(h.next.Add(1) % uint64(len(h.shards))) //nolint:gosec // It is less than a length.
	if s.channels, err = h.attach(names); err != nil {
		return nil, nil, err
	}
	switch {
	case len(names) == 0:
		s.cursor.Store(h.head.Load())
		return s, nil, nil
	case sub.After == "":
		s.restart()
		return s, nil, nil
	}
	err = s.resume(ctx, sub)
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

// begins returns the sequence numbers at which the channels begin that an
// earlier stream of the session had added.
func (s *subscriber) begins(sub Subscription) marks {
	begins := make(marks)
	for _, c := range s.channels {
		if at := sub.skipThrough[c.name]; at > 0 {
			begins[c] = at
		}
	}
	return begins
}

// names returns the names of the subscription's channels, without duplicates.
func (sub Subscription) names() ([]string, error) {
	if sub.fromSession && len(sub.Channels) == 0 {
		return nil, nil
	}
	return channelSet(sub.Channels)
}

// wouldAttach returns the error that subscribe would return for the channels.
func (h *Hub) wouldAttach(sub Subscription) error {
	names, err := sub.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := h.checkOpen(name); err != nil {
			return err
		}
	}
	return nil
}

// names returns the names of the subscriber's channels.
func (s *subscriber) names() []string {
	names := make([]string, len(s.channels))
	for i, c := range s.channels {
		names[i] = c.name
	}
	return names
}

// listen makes every later delivery wake the subscriber. The next call of next
// returns what was delivered before.
func (s *subscriber) listen() {
	s.wake = make(chan struct{}, 1)
	for _, c := range s.channels {
		c.shards[s.shard].add(s)
	}
}

// close removes the subscriber from its channels and releases them.
func (s *subscriber) close() {
	if s.wake != nil {
		for _, c := range s.channels {
			c.shards[s.shard].remove(s)
		}
	}
	s.hub.detach(s.channels)
}

// notify wakes the subscriber now, or as soon as it waits.
func (s *subscriber) notify() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// from returns the sequence number up to which the subscriber has taken a
// channel.
func (s *subscriber) from(c *channel) uint64 { return max(s.cursor.Load(), s.skipThrough[c]) }

// moveTo moves the cursor, and drops skipThrough when it no longer matters.
func (s *subscriber) moveTo(seq uint64) {
	s.cursor.Store(seq)
	if seq >= s.skipThrough.last() {
		s.skipThrough = nil
	}
}

// wanted returns the entries without those of other channels, and those to skip.
func (s *subscriber) wanted(entries []*Entry, skipThrough marks) []*Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e *Entry) bool {
		i := slices.IndexFunc(s.channels, func(c *channel) bool { return c.name == e.Channel })
		return i < 0 || e.Position.Seq <= skipThrough[s.channels[i]]
	})
}

// upToDate reports whether the subscriber has taken all entries that the rings
// hold for it.
func (s *subscriber) upToDate() bool {
	b, _, err := s.peek(s.hub.head.Load())
	defer b.release()
	return err == nil && len(b.entries) == 0
}

// bound returns how far the subscriber may read, at most seq. While a change of
// its channels is pending, it may read up to the position at which the change
// was requested: later entries belong to the new channels.
func (s *subscriber) bound(seq uint64) uint64 {
	st := s.stream
	if st == nil || !st.changing.Load() {
		return seq
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if t := st.rareCopy().pending; t != nil {
		return min(seq, t.head)
	}
	return seq
}

// unreported returns the new value of unreportedThrough, given the value
// before, the newest entry that was withheld from the client (or 0), and the
// entries that were sent.
func unreported(before, withheld uint64, sent []*Entry) uint64 {
	owed := max(before, withheld)
	if n := len(sent); n > 0 && sent[n-1].Position.Seq >= owed {
		return 0
	}
	return owed
}
