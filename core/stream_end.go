package core

import "errors"

// end records why the stream ends, cancels its context and stops its driver. If
// the stream has ended already, end does nothing.
func (s *Stream) end(reason error) { s.endWith(reason, nil) }

// endWith is end for a stream on which something is sent before it closes.
func (s *Stream) endWith(reason error, last *Event) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err = reason
	if last != nil {
		s.ensureRare().last = last
	}
	s.closeDraining()
	s.giveUpAwaiting()
	out, cancel := s.out, s.cancel
	s.mu.Unlock()
	if cancel != nil {
		cancel(reason)
	}
	s.wakeDriver()
	if out != nil {
		out.refuse(reason)
		if errors.Is(reason, ErrClientGone) || errors.Is(reason, ErrWriteTimeout) {
			out.abort() // the client takes no more
		}
	}
}

// abort ends the stream and the write in progress.
func (s *Stream) abort(reason error) {
	s.end(reason)
	s.mu.Lock()
	out := s.out
	s.mu.Unlock()
	if out != nil {
		out.abort()
	}
}

// announceDrain asks the stream to finish.
func (s *Stream) announceDrain() {
	s.mu.Lock()
	s.closeDraining()
	s.mu.Unlock()
	s.wakeDriver()
}

// drainAnnounced reports whether the stream was asked to finish, and has not
// ended.
func (s *Stream) drainAnnounced() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drainNoticed && s.err == nil
}

// closeDraining announces, once, that the stream should finish. The caller
// holds s.mu.
func (s *Stream) closeDraining() {
	if s.drainNoticed {
		return
	}
	s.drainNoticed = true
	if s.draining != nil {
		close(s.draining)
	}
}

// farewell returns a retry field for the client of a draining stream. The time
// is random, so that clients do not reconnect all at once. A client that a
// refusal would end for good is not sent back while the hub drains.
func (s *Stream) farewell() []byte {
	retry := s.retry()
	wait := retry
	if retry > 0 && !s.reconnects {
		wait = max(wait, s.gate.hub.untilDrained())
	}
	return s.wire().appendRetry(nil, wait+upTo(retry))
}
