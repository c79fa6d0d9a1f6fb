package core

import "time"

// SlowPolicy says what happens to a subscriber that is too slow for a channel:
// entries that it has not received yet have left the channel's ring.
type SlowPolicy uint8

// The policies for slow subscribers.
const (
	// Evict ends the stream with [ErrSlow]. The client reconnects, and resumes
	// from history at its position. A client that takes no bytes for the gate's
	// WriteTimeout is disconnected.
	Evict SlowPolicy = iota
	// Skip leaves out the events that the subscriber was too slow for, sends a
	// [ResetEvent] that says so, and goes on with events that are published from
	// then on. The subscriber's other channels lose nothing.
	Skip
	// Conflate sends only the latest of the channel's events that wait for a
	// subscriber and have the same [Event] Key. The ring then holds one event for
	// each key, and a subscriber can be arbitrarily slow. Events without a key are
	// all sent. If the ring has no room for all keys, a subscriber that is too
	// slow skips, as under Skip.
	//
	// A key must mean the same to every subscriber that gets the event, but each
	// [Audience] has keys of its own.
	Conflate
)

// ChannelConfig configures the channels whose names match a pattern. For every
// bound, zero is the default, and a negative value is no bound.
type ChannelConfig struct {
	// Pattern selects channels by name, with the syntax of [path.Match]: "*"
	// matches any text without a slash.
	Pattern string
	// Slow is the policy for subscribers that are too slow. Default: [Evict].
	Slow SlowPolicy
	// StallTimeout is how long a client may take no bytes before it is
	// disconnected, if the policies of all its channels are Skip or Conflate. The
	// gate's WriteTimeout applies if it is longer. Default: 2 min.
	StallTimeout time.Duration
	// RingEvents and RingBytes bound the channel's ring. If the policy is
	// Conflate, they bound the latest event of each key and the events without a
	// key; the ring may hold a third more of superseded events. Default: those of
	// [HubConfig].
	RingEvents, RingBytes int
	// MaxSubscribers bounds the number of subscribers of each of these channels:
	// streams, and those inside the program. A stream over the bound is refused
	// with status 503 and [ErrChannelFull], which is temporary: see [Refusal].
	// Default: no bound.
	MaxSubscribers int
}

// fellOut applies the policy of a channel to a subscriber that needs entries
// that have left the ring. It returns ErrSlow, or moves the subscriber
// to head and returns a GapError for the skipped entries. If the store has lost
// entries, it returns a GapError that says so.
func (s *subscriber) fellOut(c *channel, head uint64) error {
	if lost := s.hub.lost.Load(); s.cursor.Load() < lost {
		at := s.hub.position(max(head, lost))
		return &GapError{Reason: GapRestarted, Oldest: at, Newest: at}
	}
	if c.cfg.Slow == Evict {
		return ErrSlow
	}
	lost := &GapError{
		Reason: GapSkipped, Channel: c.name,
		Oldest: s.hub.position(s.from(c)), Newest: s.hub.position(head),
	}
	if len(s.channels) == 1 {
		s.moveTo(head)
	} else {
		s.skipThrough = s.skipThrough.with(marks{c: head})
		s.unreportedThrough = max(s.unreportedThrough, head)
	}
	return lost
}

// stallTimeout returns how long a client may take no bytes; 0 means forever.
func (s *Stream) stallTimeout() time.Duration {
	timeout := s.gate.cfg.WriteTimeout
	if timeout <= 0 || s.sub == nil {
		return timeout
	}
	longest, forever := timeout, false
	for _, c := range s.sub.channels {
		if c.cfg.Slow == Evict {
			return timeout
		}
		longest, forever = max(longest, c.cfg.StallTimeout), forever || c.cfg.StallTimeout == 0
	}
	if forever {
		return 0
	}
	return longest
}
