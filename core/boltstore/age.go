package boltstore

import "time"

// ageFrom sets the timer to when the next entry of the touched channels gets
// too old, or to a pause later while there is more to remove.
func (s *Store) ageFrom(touched map[string]*channel) {
	if w := &s.writer; w.more {
		s.ageBy(s.now().Add(w.pause))
	}
	for name, ch := range touched {
		if ch != nil {
			s.ageBy(s.cfg.Retention.Of(name).Expires(ch.extent()))
		}
	}
}

// ageNext sets the timer to when the next entry of all channels gets too old, or
// to a pause later while there is more to remove.
func (s *Store) ageNext(now time.Time) {
	w := &s.writer
	w.agingAt = time.Time{}
	if w.more {
		s.ageBy(now.Add(w.pause))
		return
	}
	for name, ch := range w.known {
		s.ageBy(s.cfg.Retention.Of(name).Recheck(ch.extent(), now))
	}
}

// ageBy sets the timer to a time, unless that is zero or the timer fires before.
func (s *Store) ageBy(at time.Time) {
	w := &s.writer
	if at.IsZero() || !w.agingAt.IsZero() && !at.Before(w.agingAt) {
		return
	}
	w.agingAt = at
	w.aging.Reset(at.Sub(s.now()))
}
