package natsstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// rounds let calls that ask for the newest position at the same time share the
// question.
type rounds struct {
	news chan struct{} // capacity 1: somebody waits for the next round

	mu   sync.Mutex
	next *round
}

// round is one question to the server.
type round struct {
	done chan struct{}
	err  error
}

func (r *rounds) init() { r.news, r.next = make(chan struct{}, 1), &round{done: make(chan struct{})} }

// current returns when the index has what the stream had when it was called. The
// error wraps [history.ErrUnavailable] if the server is away.
func (s *Store) upToDate(ctx context.Context) error {
	s.rounds.mu.Lock()
	r := s.rounds.next
	s.rounds.mu.Unlock()
	select {
	case s.rounds.news <- struct{}{}:
	default:
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.life.Done():
		return history.ErrClosed
	}
}

// askRounds answers upToDate.
func (s *Store) askRounds() {
	for {
		select {
		case <-s.rounds.news:
		case <-s.life.Done():
			return
		}
		s.rounds.mu.Lock()
		r := s.rounds.next
		s.rounds.next = &round{done: make(chan struct{})}
		s.rounds.mu.Unlock()
		r.err = s.ask()
		close(r.done)
	}
}

// ask asks the server what is newest, and waits until the index has it.
func (s *Store) ask() error {
	ctx, cancel := context.WithTimeoutCause(s.life, s.cfg.Timeout, fmt.Errorf("%w: the stream is not read in time", history.ErrUnavailable))
	defer cancel()
	for {
		if err := s.awaitReady(ctx, s.cfg.Timeout, false); err != nil {
			return err
		}
		info, err := s.info(ctx)
		if err != nil {
			s.doubt(err)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			continue
		}
		if again, err := s.awaitSeq(ctx, info.State.Last, info.Created); !again {
			return err
		}
	}
}

// awaitSeq waits until the index has a message. It reports that it must be asked
// again if the tail began anew meanwhile.
func (s *Store) awaitSeq(ctx context.Context, seq uint64, created time.Time) (again bool, err error) {
	for {
		s.mu.Lock()
		switch {
		case !s.ready:
			s.mu.Unlock()
			return true, nil
		case !s.created.Equal(created):
			s.mu.Unlock()
			s.suspect(errAgain)
			return true, nil
		case s.index.seq >= seq:
			s.mu.Unlock()
			return false, nil
		}
		if s.moved == nil {
			s.moved = make(chan struct{})
		}
		moved, changed := s.moved, s.changed
		s.mu.Unlock()
		select {
		case <-moved:
		case <-changed:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// wakeMoved wakes those who wait for the index. The caller holds s.mu.
func (s *Store) wakeMoved() {
	if s.moved != nil {
		close(s.moved)
		s.moved = nil
	}
}

// awaitReady waits until the index follows the stream, on the connection that
// there is. Unless patient, it fails as soon as the server is away.
func (s *Store) awaitReady(ctx context.Context, most time.Duration, patient bool) error {
	timer := time.NewTimer(most)
	defer timer.Stop()
	for {
		s.mu.Lock()
		ready, changed, closed := s.usable(), s.changed, s.closed
		s.mu.Unlock()
		away := s.health.Err()
		switch {
		case closed:
			return history.ErrClosed
		case ready:
			return nil
		case away != nil && !patient:
			return away
		}
		select {
		case <-changed:
		case <-timer.C:
			if away == nil {
				away = fmt.Errorf("%w: the stream is not read in time", history.ErrUnavailable)
			}
			return away
		case <-ctx.Done():
			if away != nil {
				return away
			}
			return context.Cause(ctx)
		case <-s.life.Done():
			return history.ErrClosed
		}
	}
}

// usable reports whether the index follows the stream, on the connection that there
// is, and a server answers. The caller holds s.mu.
func (s *Store) usable() bool {
	if s.ready && !s.connectedTo(s.server) {
		s.ready = false
		if s.interrupt != nil {
			s.interrupt(errAgain)
		}
	}
	return s.ready && !s.doubted
}

func (s *Store) connectedTo(server string) bool { return s.conn.ConnectedServerId() == server }
