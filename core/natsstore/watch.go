package natsstore

import (
	"context"
	"errors"
	"time"
)

// watch looks every Poll whether the stream is still the one that is read, and has
// the tail begin anew when the connection is lost or made.
func (s *Store) watch() {
	changes := s.conn.StatusChanged()
	defer s.conn.RemoveStatusListener(changes)
	timer := time.NewTimer(s.cfg.Poll)
	defer timer.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case <-changes:
			s.suspect(errAgain)
			continue
		case <-timer.C:
		}
		s.inspect()
		timer.Reset(s.cfg.Poll)
	}
}

// inspect asks the server once.
func (s *Store) inspect() {
	s.mu.Lock()
	ready, before := s.usable(), uint64(0)
	if ready {
		before = s.index.seq
	}
	s.mu.Unlock()
	if !ready {
		return
	}
	info, err := s.info(s.life)
	if err != nil {
		s.suspect(err)
		if s.own && errors.Is(err, context.DeadlineExceeded) {
			_ = s.conn.ForceReconnect() // it may be dead without a sign
		}
		return
	}
	s.mu.Lock()
	x := s.index
	odd := !info.Created.Equal(s.created) || info.State.First > x.last().From || info.State.Last < before ||
		!x.knowsMark(markOf(info, s.server))
	s.mu.Unlock()
	if odd {
		s.suspect(errAgain)
	}
}
