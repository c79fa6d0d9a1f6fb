package core

import (
	"fmt"
	"time"
)

// awaitLimit is how long a stream waits for its adapter at a gate whose writes
// have no bound.
const awaitLimit = time.Minute

// await registers the stream at the hub, which then waits for the adapter to
// call Run, Own or Abandon. A framework that cannot send the bytes before the
// stream may drop it silently, so an adapter may never call. A waiting stream
// is therefore finished as soon as it ends, and ends after the write timeout or
// awaitLimit. The error says why the stream cannot open.
func (o *Opening) await() error {
	s := o.stream
	limit := s.gate.cfg.WriteTimeout
	if limit <= 0 {
		limit = awaitLimit
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil { // while it was at the gate
		return s.err
	}
	if err := s.gate.hub.register(s); err != nil {
		return err
	}
	s.awaits = true
	s.handshake.overdue = time.AfterFunc(limit, func() {
		o.abandon(fmt.Errorf("%w: the response did not begin", ErrWriteTimeout))
	})
	return nil
}

// begin ends the wait for the adapter. It reports false if the stream has ended
// already, and then returns after the stream is finished. After true, the hub's
// Close waits until entered is called.
func (s *Stream) begin() bool {
	s.mu.Lock()
	if s.awaits {
		defer s.mu.Unlock()
		s.gate.hub.finisher.enter()
		s.stopAwaiting()
		return true
	}
	var givenUp chan struct{}
	if s.handshake != nil {
		givenUp = s.handshake.givenUp
	}
	s.mu.Unlock()
	if givenUp != nil {
		<-givenUp
	}
	return false
}

// entered ends what a successful begin started.
func (s *Stream) entered() { s.gate.hub.finisher.leave() }

// stopAwaiting ends the wait for the adapter. The caller holds s.mu.
func (s *Stream) stopAwaiting() {
	s.awaits = false
	s.handshake.overdue.Stop()
	s.handshake.overdue = nil
}

// giveUpAwaiting finishes a stream that ended while it waited for its adapter,
// in the finisher's goroutine. The caller holds s.mu.
func (s *Stream) giveUpAwaiting() {
	if !s.awaits {
		return
	}
	s.stopAwaiting()
	reason, givenUp := s.err, s.giveUp()
	s.gate.hub.finisher.add(func() {
		defer close(givenUp)
		s.finish(false, reason)
	})
}

// giveUp returns a channel that the caller closes when the stream is finished:
// a later begin waits for that. The caller holds s.mu.
func (s *Stream) giveUp() chan struct{} {
	s.handshake.givenUp = make(chan struct{})
	return s.handshake.givenUp
}

// Abandon ends a stream whose head could not be sent. After Run or Own, or when
// the stream has ended, it does nothing.
func (o *Opening) Abandon(cause error) {
	o.abandon(fmt.Errorf("%w: %w", ErrClientGone, cause))
}

func (o *Opening) abandon(reason error) {
	s := o.stream
	s.mu.Lock()
	if !s.awaits {
		s.mu.Unlock()
		return
	}
	s.gate.hub.finisher.enter()
	defer s.entered()
	s.stopAwaiting()
	givenUp := s.giveUp()
	s.mu.Unlock()
	defer close(givenUp)
	s.finish(false, reason)
}
