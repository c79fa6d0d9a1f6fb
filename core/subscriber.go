package core

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
)

// How much a subscriber takes at once: what goes out in one write.
const (
	batchEvents = 256
	batchBytes  = 64 << 10
)

// subscriber is a cursor into the order of a hub: everything on its channels
// up to the cursor has been taken. Its methods are called by one goroutine,
// except notify and what only reads the cursor.
type subscriber struct {
	hub    *Hub
	stream *Stream // whose audiences and filter apply, or nil
	shard  int
	start  Start

	// channels changes under the stream's mu only, by the one goroutine.
	channels []*channel
	// skipThrough are, for each channel, what the subscriber is not to get, and does
	// not miss: everything up to there. It is nil once the cursor is beyond.
	skipThrough []uint64
	// unreportedThrough is up to where the client does not know that it got everything,
	// because what came last was not for it; or 0.
	unreportedThrough uint64

	cursor atomic.Uint64
	// history is the query for the next page from the store; nil while all
	// that follows the cursor is in the rings.
	history *Query

	wake chan struct{} // has room for one; nil until listen
}

// subscribe attaches a subscriber. If the gap is not nil, what follows after
// cannot be told, and the subscriber goes on from its start.
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

// begins returns where the channels begin that an earlier stream of the
// subscription's name had added.
func (s *subscriber) begins(sub Subscription) map[*channel]uint64 {
	begins := make(map[*channel]uint64)
	for _, c := range s.channels {
		if at := sub.skipThrough[c.name]; at > 0 {
			begins[c] = at
		}
	}
	return begins
}

// names returns the names of the subscription's channels, each once.
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

// listen has the subscriber woken for whatever is delivered from here on. What
// was delivered before, next returns.
func (s *subscriber) listen() {
	s.wake = make(chan struct{}, 1)
	for _, c := range s.channels {
		c.shards[s.shard].add(s)
	}
}

// close takes the subscriber off its channels.
func (s *subscriber) close() {
	if s.wake != nil {
		for _, c := range s.channels {
			c.shards[s.shard].remove(s)
		}
	}
	s.hub.detach(s.channels)
}

// notify wakes the subscriber, now or when it next waits.
func (s *subscriber) notify() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// from returns what the subscriber has taken of its i-th channel: everything up
// to there.
func (s *subscriber) from(i int) uint64 {
	cursor := s.cursor.Load()
	if s.skipThrough == nil {
		return cursor
	}
	return max(cursor, s.skipThrough[i])
}

// moveTo moves the cursor.
func (s *subscriber) moveTo(seq uint64) {
	s.cursor.Store(seq)
	if len(s.skipThrough) == 0 || seq >= slices.Max(s.skipThrough) {
		s.skipThrough = nil
	}
}

// raise sets the floor of the i-th channel, beyond the cursor.
func (s *subscriber) raise(i int, seq uint64) {
	if s.skipThrough == nil {
		s.skipThrough = make([]uint64, len(s.channels))
	}
	s.skipThrough[i] = max(s.skipThrough[i], seq)
	s.unreportedThrough = max(s.unreportedThrough, seq)
}

// wants reports whether an entry is one that a subscriber is to get, with these
// channels and floors.
func wants(channels []*channel, floors []uint64, e *Entry) bool {
	i := slices.IndexFunc(channels, func(c *channel) bool { return c.name == e.Channel })
	return i >= 0 && (floors == nil || e.Position.Seq > floors[i])
}

// bound returns how far the subscriber may go, up to seq: while its channels are
// about to change, no further than where that was asked for. What follows is for
// other channels than it has.
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

// unreported returns up to where a client does not know that it got everything, given
// the same before, the newest that was withheld from it, and what it was sent.
func unreported(before, withheld uint64, sent []*Entry) uint64 {
	owed := max(before, withheld)
	if n := len(sent); n > 0 && sent[n-1].Position.Seq >= owed {
		return 0
	}
	return owed
}
