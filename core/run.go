package core

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Run sends the stream's body: first the time to reconnect and a comment, then
// what the handler or the hub has to send. It blocks until the stream has
// ended, does not panic, and lets go of conn before it returns. It must be
// called once, if and only if Streams.
func (o *Opening) Run(conn Conn) {
	s := o.stream
	reason := error(ErrClosed)
	defer func() {
		// Whatever the handler left running finds the stream ended.
		s.end(reason)
		s.out.close()
		s.finish(true, reason)
	}()
	if err := s.begin(conn, o); err != nil {
		reason = err
		return
	}
	if life := s.gate.cfg.Lifetime; life > 0 {
		timer := time.AfterFunc(life+upTo(life/4), func() { s.end(ErrLifetime) })
		defer timer.Stop()
	}
	drive := o.drive
	if o.sub != nil {
		drive = func(s *Stream) error { return s.pump(o.sub) }
	} else {
		defer s.beat()()
	}
	if err := s.guard("handler", func() error { return drive(s) }); err != nil {
		reason = err
	}
}

// opened runs the hooks of a stream that has passed the gate.
func (s *Stream) opened() error {
	s.mu.Lock()
	onOpen, onDeliver := s.onOpen, s.onDeliver
	if len(onDeliver) > 0 {
		s.deliver = func(events, bytes int) {
			for _, f := range onDeliver {
				f(events, bytes)
			}
		}
	}
	s.mu.Unlock()
	for _, f := range onOpen {
		if err := s.guard("open hook", func() error { f(); return nil }); err != nil {
			return err
		}
	}
	return nil
}

// begin opens the stream and sends its greeting.
func (s *Stream) begin(conn Conn, o *Opening) error {
	if err := s.opened(); err != nil {
		return err
	}
	head := AppendComment(AppendRetry(make([]byte, 0, 128), s.retry()), "open")
	var tail []byte
	next := driving
	if o.sub != nil {
		var err error
		if tail, err = o.sub.greet(nil, o.gap); err != nil {
			return err
		}
		next = driven
	}
	s.out.open(conn)
	// In one step, so that what somebody sends meanwhile is in the greeting or
	// comes after the head.
	s.mu.Lock()
	p, _, err := s.out.join(s.greetings, func(dst []byte) ([]byte, error) {
		return slices.Concat(dst, head, s.greeting, tail), nil
	})
	s.greeting, s.phase = nil, next
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.out.lead(p)
	return p.err
}

// greet appends what a subscriber is sent first: where it stands, or that there
// is a gap. A client whose connection is cut before the first event then still
// resumes without losing any.
func (s *subscriber) greet(dst []byte, gap *GapError) ([]byte, error) {
	if gap != nil {
		return s.appendReset(dst, gap)
	}
	if s.history != nil {
		return dst, nil
	}
	return AppendLastEventID(dst, s.hub.position(s.cursor).String())
}

// retry returns the time to reconnect that the stream's client is told.
func (s *Stream) retry() time.Duration {
	if s.gate.cfg.Retry <= 0 {
		return 0
	}
	return s.gate.cfg.Retry + upTo(s.gate.cfg.RetryJitter)
}

// upTo returns a random duration from 0 to d.
func upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d + 1) //nolint:gosec // Spreading load needs no secret.
}

// beat sends a comment whenever the stream was silent for the heartbeat's time.
// It depends on nothing that the handler does. The returned function ends it.
func (s *Stream) beat() (stop func()) {
	every := s.gate.cfg.Heartbeat
	if every <= 0 {
		return func() {}
	}
	var mu sync.Mutex
	var timer *time.Timer
	stopped := false
	tick := func() {
		wait := every - s.silence()
		if wait <= 0 {
			if s.Comment("") != nil {
				return
			}
			wait = every
		}
		mu.Lock()
		defer mu.Unlock()
		if !stopped {
			timer.Reset(wait)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(every, tick)
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		timer.Stop()
	}
}

// silence returns how long nothing was sent.
func (s *Stream) silence() time.Duration {
	return time.Since(s.since) - time.Duration(s.lastWrite.Load())
}

// finish ends the stream, if it has not ended yet, runs the hooks, and forgets
// it.
func (s *Stream) finish(opened bool, reason error) {
	s.end(reason)
	reason = s.Err()
	s.gate.hub.leave(s)
	s.mu.Lock()
	onClose := s.onClose
	s.onClose = nil
	if s.expiry != nil {
		s.expiry.Stop()
	}
	s.mu.Unlock()
	if opened && !expected(reason) {
		s.log(slog.LevelError, "stream failed", "error", reason)
	}
	sum := s.summary(opened, reason)
	for i := len(onClose) - 1; i >= 0; i-- {
		_ = s.guard("close hook", func() error { onClose[i](sum); return nil })
	}
}

// expected reports whether a stream may end for this reason in the course of
// things.
func expected(reason error) bool {
	for _, err := range []error{
		ErrClosed, ErrClientGone, ErrWriteTimeout, ErrSlow, ErrDraining,
		ErrExpired, ErrLifetime, ErrHubClosed, ErrPanic, // a panic is logged where it happens
	} {
		if errors.Is(reason, err) {
			return true
		}
	}
	return false
}

// appendReset appends the event that says that there is a gap. If the stream
// goes on live, the event moves the client's last event ID to where it does.
func (s *subscriber) appendReset(dst []byte, gap *GapError) ([]byte, error) {
	data := fmt.Sprintf(`{"reason":%q,"oldest":%q,"newest":%q}`, string(gap.Reason), gap.Oldest, gap.Newest)
	ev := Event{Name: ResetEvent, Data: data}
	if s.history == nil {
		ev.ID = s.hub.position(s.cursor).String()
	}
	return AppendEvent(dst, ev)
}

// ResetEvent is the name of the event that tells a client, in band, that
// events after its last event ID are gone: a page should load its state anew.
// Its data is a JSON object with the members reason (a [GapReason]), oldest
// and newest (the IDs that bound what is kept). The stream then goes on from
// the subscription's [Start].
const ResetEvent = "reset"
