package boltstore

import (
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// ageFrom sets the timer to when the next entry of the touched channels gets
// too old, or to soon if a transaction left more to remove.
func (s *Store) ageFrom(touched map[string]*channel) {
	w := &s.writer
	if soon := s.now().Add(w.rest); w.more && (w.agingAt.IsZero() || soon.Before(w.agingAt)) {
		s.ageAt(soon)
	}
	for name, ch := range touched {
		if ch == nil {
			continue
		}
		at := s.cfg.Retention.Of(name).Expires(ch.extent())
		if !at.IsZero() && (w.agingAt.IsZero() || at.Before(w.agingAt)) {
			s.ageAt(at)
		}
	}
}

// ageNext sets the timer to when the next entry of all channels gets too old,
// but not more often than a hundred times in the span, because each time it
// looks at all channels. While there is more to remove, it sets the timer to a
// rest later.
func (s *Store) ageNext(now time.Time) {
	if s.writer.more {
		s.ageAt(now.Add(s.writer.rest))
		return
	}
	var next time.Time
	patience := time.Duration(0)
	for name, ch := range s.writer.known {
		keep := s.cfg.Retention.Of(name)
		if at := keep.Expires(ch.extent()); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next, patience = at, span(keep)/100
		}
	}
	if next.IsZero() {
		s.writer.agingAt = next
		return
	}
	if soonest := now.Add(patience); next.Before(soonest) {
		next = soonest
	}
	s.ageAt(next)
}

// span returns the age at which something of a channel gets too old.
func span(keep history.ChannelRetention) time.Duration {
	if keep.Age > 0 {
		return keep.Age
	}
	return keep.Idle
}

func (s *Store) ageAt(at time.Time) {
	s.writer.agingAt = at
	s.writer.aging.Reset(at.Sub(s.now()))
}
