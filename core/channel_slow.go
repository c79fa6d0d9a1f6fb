package core

import "time"

// SlowPolicy says what becomes of a subscriber that is too slow for a channel:
// one that is still to get what has left the channel's ring.
type SlowPolicy uint8

// The policies.
const (
	// Evict ends the stream with [ErrSlow]. The client reconnects, and resumes
	// from history where it was. A client that takes no bytes for the gate's
	// WriteTimeout is disconnected.
	Evict SlowPolicy = iota
	// Skip leaves out what the subscriber was too slow for, says so with a
	// [ResetEvent], and goes on with what is published from then on. Its other
	// channels lose nothing.
	Skip
	// Conflate sends, of events of the channel with the same [Event] Key that
	// wait for a subscriber, only the latest. The ring then holds one event for
	// each key, and a subscriber can be as slow as it likes. Events without a key
	// are all sent. Whoever is too slow even so, because there are too many
	// keys for the ring, skips.
	//
	// A key must mean the same to everybody who gets the event, but each
	// [Audience] has its own.
	Conflate
)

// ChannelConfig configures the channels whose name matches a pattern.
type ChannelConfig struct {
	// Pattern selects channels by their name, with the syntax of [path.Match]:
	// "*" stands for any text without a slash.
	Pattern string
	// Slow is what becomes of subscribers that are too slow. Default: [Evict].
	Slow SlowPolicy
	// StallTimeout is how long a client that takes no bytes is kept, where the
	// policies of all its channels are Skip or Conflate. The gate's WriteTimeout
	// applies if that is longer. Default: 2 min.
	StallTimeout time.Duration
	// RingEvents and RingBytes bound the channel's ring. Where the policy is
	// Conflate, they bound the latest events of the keys, and the others; the
	// ring may hold a third more that is superseded. Default: the hub's.
	RingEvents, RingBytes int
}

// fellOut applies the policy of the i-th channel to a subscriber that needs
// what has left its ring. It returns ErrSlow, or a GapError for what the
// subscriber was moved on behind.
func (s *subscriber) fellOut(i int, head uint64) error {
	c := s.channels[i]
	if c.cfg.Slow == Evict {
		return ErrSlow
	}
	lost := &GapError{
		Reason: GapSkipped, Channel: c.name,
		Oldest: s.hub.position(s.from(i)), Newest: s.hub.position(head),
	}
	if len(s.channels) == 1 {
		s.moveTo(head)
	} else {
		s.raise(i, head)
	}
	return lost
}

// stallTimeout is for how long a client may take no bytes; 0 means for ever.
func (s *Stream) stallTimeout() time.Duration {
	timeout := s.gate.cfg.WriteTimeout
	if timeout <= 0 || s.sub == nil {
		return timeout
	}
	longest := timeout
	for _, c := range s.sub.channels {
		if c.cfg.Slow == Evict {
			return timeout
		}
		longest = max(longest, c.cfg.StallTimeout)
	}
	return longest
}
