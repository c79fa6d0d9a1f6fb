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
	if err := s.gate.hub.join(s); err != nil {
		return err
	}
	s.awaits = true
	s.arrival.overdue = time.AfterFunc(limit, func() {
		o.abandon(fmt.Errorf("%w: the response did not begin", ErrWriteTimeout))
	})
	return nil
}

// begin ends the wait for the adapter, and reports false if the stream is over
// already. Until entered is called, the hub's Close waits.
func (s *Stream) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.awaits {
		return false
	}
	s.gate.hub.finisher.enter()
	s.stopAwaiting()
	return true
}

// entered ends what begin began.
func (s *Stream) entered() { s.gate.hub.finisher.leave() }

// stopAwaiting ends the wait for the adapter. The caller holds s.mu.
func (s *Stream) stopAwaiting() {
	s.awaits = false
	s.arrival.overdue.Stop()
	s.arrival.overdue = nil
}

// finishAwaiting has a stream finished that has ended while it waited for its
// adapter. The caller holds s.mu.
func (s *Stream) finishAwaiting() {
	if !s.awaits {
		return
	}
	s.stopAwaiting()
	reason := s.err
	s.gate.hub.finisher.add(func() { s.finish(false, reason) })
}

// Abandon gives up a stream whose head could not be sent. After Run or Own, or
// once the stream is over, it does nothing.
func (o *Opening) Abandon(cause error) {
	o.abandon(fmt.Errorf("%w: %w", ErrClientGone, cause))
}

func (o *Opening) abandon(reason error) {
	s := o.stream
	if !s.begin() {
		return
	}
	defer s.entered()
	s.finish(false, reason)
}
