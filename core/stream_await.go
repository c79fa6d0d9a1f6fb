package core

import (
	"fmt"
	"time"
)

// awaitLimit is how long a stream waits for its adapter at a gate whose writes
// have no bound.
const awaitLimit = time.Minute

// await counts the stream in at the hub and has it wait for its adapter, which
// calls Run, Own or Abandon. A framework may fail to send what comes before the
// stream and then drop it without a word, so an adapter may never call: a
// stream that waits is finished as soon as it ends, and ends after a while. The
// error says why the stream cannot open.
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

// begin ends the wait for the adapter, and reports false if the stream is over
// already: then it is finished, too. Until entered is called, the hub's Close
// waits.
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

// entered ends what begin began.
func (s *Stream) entered() { s.gate.hub.finisher.leave() }

// stopAwaiting ends the wait for the adapter. The caller holds s.mu.
func (s *Stream) stopAwaiting() {
	s.awaits = false
	s.handshake.overdue.Stop()
	s.handshake.overdue = nil
}

// giveUpAwaiting has a stream finished that has ended while it waited for its
// adapter. The caller holds s.mu.
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

// giveUp has those who come too late wait until what it returns is closed. The
// caller holds s.mu.
func (s *Stream) giveUp() chan struct{} {
	s.handshake.givenUp = make(chan struct{})
	return s.handshake.givenUp
}

// Abandon gives up a stream whose head could not be sent. After Run or Own, or
// once the stream is over, it does nothing.
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
