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
	s.state = stateAwaiting
	s.handshake.overdue = time.AfterFunc(limit, func() {
		s.endAwaiting(fmt.Errorf("%w: the response did not begin", ErrWriteTimeout))
	})
	return nil
}

// begin ends the wait for the adapter. It reports false if the stream has ended
// already, and then returns after the stream is finished. After true, the hub's
// Close waits until entered is called.
func (s *Stream) begin() bool {
	s.mu.Lock()
	if s.state == stateAwaiting {
		defer s.mu.Unlock()
		s.gate.hub.finisher.enter()
		s.stopAwaiting()
		return true
	}
	s.mu.Unlock()
	s.awaitGivenUp()
	return false
}

// entered ends what a successful begin started.
func (s *Stream) entered() { s.gate.hub.finisher.leave() }

// stopAwaiting ends the wait for the adapter. The caller holds s.mu.
func (s *Stream) stopAwaiting() {
	s.state = stateOpening
	s.handshake.overdue.Stop()
	s.handshake.overdue = nil
}

// giveUpAwaiting finishes a stream that ended while it waited for its adapter,
// in the finisher's goroutine. The caller holds s.mu.
func (s *Stream) giveUpAwaiting() {
	if s.state != stateAwaiting {
		return
	}
	s.stopAwaiting()
	reason, givenUp := s.err, make(chan struct{})
	s.handshake.givenUp = givenUp
	s.gate.hub.finisher.add(func() {
		defer close(givenUp)
		s.finish(false, reason)
	})
}

// awaitGivenUp waits until a stream that giveUpAwaiting ended is finished.
func (s *Stream) awaitGivenUp() {
	s.mu.Lock()
	var givenUp chan struct{}
	if s.handshake != nil {
		givenUp = s.handshake.givenUp
	}
	s.mu.Unlock()
	if givenUp != nil {
		<-givenUp
	}
}

// Abandon ends a stream whose head could not be sent, and returns when it is
// finished. After Run or Own, or when the stream has ended, it changes nothing.
func (o *Opening) Abandon(cause error) {
	o.stream.endAwaiting(fmt.Errorf("%w: %w", ErrClientGone, cause))
	o.stream.awaitGivenUp()
}

// endAwaiting ends the stream if it waits for its adapter.
func (s *Stream) endAwaiting(reason error) {
	if s.driver() == stateAwaiting {
		s.end(reason)
	}
}
