package natsstore

import (
	"context"
	"errors"
	"time"

	"github.com/tidings-go/tidings/core/internal/sharedstore"
)

// watch looks every Poll whether the stream is still the one that is read, and has
// the tail begin anew when the connection is lost or made.
func (s *Store) watch() {
	changes := s.conn.StatusChanged()
	defer s.conn.RemoveStatusListener(changes)
	pause := s.cfg.Poll
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case <-changes:
			s.suspect(errAgain)
			continue
		case <-s.doubts:
		case <-timer.C:
		}
		err := s.inspect()
		if s.life.Err() != nil {
			return
		}
		if pause = s.cfg.Poll; err != nil && !errors.Is(err, errAgain) {
			s.doubt(err)
			if !sharedstore.Rest(s.life, 50*time.Millisecond) {
				return
			}
			pause = min(pause, 200*time.Millisecond)
		}
		timer.Reset(pause)
	}
}

// doubt says that no server answers for the stream, although there is a connection.
// The tail goes on: in a cluster, it may be that there is no leader for a while.
func (s *Store) doubt(err error) {
	s.mu.Lock()
	was := s.doubted
	s.doubted = true
	if !was && s.ready {
		_ = s.health.Gone(s.life, err)
		s.announceLocked()
	}
	s.mu.Unlock()
	select {
	case s.doubts <- struct{}{}:
	default:
	}
}

// inspect asks the server once.
func (s *Store) inspect() error {
	s.mu.Lock()
	x, server, before := s.index, s.server, uint64(0)
	following := s.ready && s.connectedTo(server)
	if following {
		before = x.seq
	}
	s.mu.Unlock()
	if !following {
		return nil
	}
	info, err := s.info(s.life)
	if err != nil {
		if s.own && errors.Is(err, context.DeadlineExceeded) && s.conn.FlushTimeout(max(s.cfg.Timeout/8, time.Millisecond)) != nil {
			_ = s.conn.ForceReconnect() // it is dead without a sign
		}
		return err
	}
	l := look{server: server, mark: markOf(info, server), info: info}
	s.mu.Lock()
	odd := !info.Created.Equal(s.created) || info.State.First > x.last().From || info.State.Last < before
	known := x.knowsMark(l.mark)
	l.at = x.last().From
	s.mu.Unlock()
	switch {
	case odd:
		s.suspect(errAgain)
		return nil
	case !known:
		// The tail reads the message that begins the epoch, and comes back with it.
		if err := s.beginNext(s.life, &x.order, l); !errors.Is(err, errAgain) {
			return err
		}
		s.doubt(errElection)
		return errAgain
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.doubted && s.ready {
		s.trust()
	}
	return nil
}

var errElection = errors.New("another server leads the stream")

// trust says that a server answers for the stream. The caller holds s.mu.
func (s *Store) trust() {
	s.doubted = false
	_ = s.health.Gone(s.life, nil)
	s.announceLocked()
}
