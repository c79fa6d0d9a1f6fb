package core

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Run sends the stream's body: first the time to reconnect and a comment, then
// the events of the handler or the hub. It blocks until the stream has ended,
// does not panic, and does not use conn after it returns. Call it once, if and
// only if Streams.
func (o *Opening) Run(conn Conn) {
	s := o.stream
	if !s.begin() {
		return
	}
	s.entered() // the hub's Close does not wait for the adapter's goroutine
	out := newWriter(s, conn)
	sender := &Sender{Stream: s, request: s.handshake.request, out: out}
	reason := ErrClosed
	defer func() {
		// Goroutines that the handler left running find the stream ended.
		s.end(reason)
		out.refuse(reason)
		if s.sub == nil { // a shard has sent that of a subscription
			out.sendLast(func() []byte { return s.appendLast(nil, sender.items) })
		}
		out.close()
		s.finish(true, reason)
	}()
	prelude, events, err := s.openOn(out, o.gap)
	switch {
	case err != nil:
		reason = err
	case s.sub != nil:
		newResponse(s, out, prelude, events).run()
	default:
		sender.items = s.handshake.greetings // nothing is added to them any more
		if err = out.send(conn, events, prelude); err == nil {
			err = o.runHandler(sender)
		}
		if err != nil {
			reason = err
		}
	}
}

// runHandler calls the stream's handler, and sends heartbeats meanwhile.
func (o *Opening) runHandler(s *Sender) error {
	defer s.startHeartbeat()()
	if err := s.guard("handler", func() error { return o.drive(s) }); err != nil {
		return err
	}
	return s.out.write(0, s.wire().encodeClosing)
}

// setOwner hands the stream to its shard.
func (s *Stream) setOwner(m *member) {
	s.mu.Lock()
	s.owner = m
	s.mu.Unlock()
	m.wake()
}

// opened runs the hooks of a stream that has passed the gate, and starts its
// lifetime.
func (s *Stream) opened() error {
	s.mu.Lock()
	onOpen, onDeliver := s.handshake.onOpen, s.handshake.onDeliver
	if len(onDeliver) > 0 {
		s.ensureRare().deliver = func(events, bytes int) {
			for _, f := range onDeliver {
				f(events, bytes)
			}
		}
	}
	if life := s.gate.cfg.Lifetime; life > 0 {
		s.ensureRare().lifetime = time.AfterFunc(life+upTo(life/4), func() { s.end(ErrLifetime) })
	}
	s.mu.Unlock()
	for _, f := range onOpen {
		if err := s.guard("open hook", func() error { f(); return nil }); err != nil {
			return err
		}
	}
	s.countInAll()
	s.gate.hub.ends.opened.Add(1)
	if s.gate.hub.observers.Load() != nil {
		s.gate.hub.observeOpened(s.handshake, s.age())
	}
	s.enforceRights() // they may have changed since the subscription was chosen
	return nil
}

// openOn opens the stream. It returns the bytes to send first, and the number of
// events in them.
func (s *Stream) openOn(out *writer, gap *GapError) (prelude []byte, events int, err error) {
	if err = s.opened(); err != nil {
		return nil, 0, err
	}
	head, tail, err := s.prelude(gap)
	if err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, 0, s.err
	}
	greeting, events := s.handshake.greeting, s.handshake.greetings
	s.out, s.handshake.greeting = out, nil
	if s.sub != nil {
		s.handshake = nil
	} else {
		s.state = stateHandler
	}
	return slices.Concat(head, greeting, tail), events, nil
}

// prelude returns the bytes before and after the greeting at the beginning of
// the stream's body.
func (s *Stream) prelude(gap *GapError) (head, tail []byte, err error) {
	head = s.wire().appendPrelude(make([]byte, 0, 128), s.retry())
	if s.sub != nil {
		tail, err = s.sub.greet(nil, gap)
	}
	return head, tail, err
}

// greet appends what a subscriber is sent first: its position, or that there is
// a gap. A client whose connection is cut before the first event then resumes
// without loss.
func (s *subscriber) greet(dst []byte, gap *GapError) ([]byte, error) {
	if gap != nil {
		return s.appendReset(dst, gap)
	}
	if s.history != nil {
		return dst, nil
	}
	return append(dst, s.positionFrame()...), nil
}

// positionFrame returns what sets the client's last event ID to the subscriber's
// position, without an event of the app's. It is empty in some dialects.
func (s *subscriber) positionFrame() []byte {
	s.unreportedThrough = 0
	return s.stream.wire().positionOf(s.hub.position(s.cursor.Load()))
}

// positionDue reports whether the client should be sent its position.
func (s *subscriber) positionDue() bool { return s.unreportedThrough > 0 && s.atHand() }

// atHand reports whether the cursor alone describes the subscriber's position:
// it neither reads history nor skips entries.
func (s *subscriber) atHand() bool { return s.history == nil && s.skipThrough == nil }

// heartbeat returns what is sent on a stream that was silent for long. That is
// the position, if atHand is true and the client does not know it, so that a
// reconnect does not read again what was withheld from the client; otherwise it
// is the dialect's heartbeat.
func (s *subscriber) heartbeat(atHand bool) []byte {
	if atHand && s.positionDue() {
		if frame := s.positionFrame(); len(frame) > 0 {
			return frame
		}
	}
	return s.stream.wire().heartbeat
}

// retry returns the reconnection time for the stream's client, with jitter; 0
// means none is sent.
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

// startHeartbeat sends a comment whenever the stream was silent for the gate's
// Heartbeat, whatever the handler does. The returned function stops it.
func (s *Sender) startHeartbeat() (stop func()) {
	every := s.gate.cfg.Heartbeat
	if every <= 0 {
		return func() {}
	}
	var mu sync.Mutex
	var timer *time.Timer
	stopped := false
	tick := func() {
		wait := every - s.out.silence()
		if wait <= 0 {
			if s.out.write(0, s.wire().encodeHeartbeat) != nil {
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

// finish ends the stream, if it has not ended yet, runs the hooks, and removes
// it from the hub.
func (s *Stream) finish(opened bool, reason error) {
	s.end(reason)
	reason = s.Err()
	s.gate.hub.unregister(s)
	s.mu.Lock()
	onClose, unwatch, unshut := s.onClose, s.unwatch, s.unshut
	s.onClose, s.unwatch, s.unshut = nil, nil, nil
	x := s.rareCopy()
	for _, timer := range []*time.Timer{s.expiry, x.lifetime} {
		if timer != nil {
			timer.Stop()
		}
	}
	s.countOutAll()
	s.state = stateFinished
	sub, held, handshake := s.sub, s.held(), s.handshake
	if x.inSession {
		s.gate.hub.sessions.close(x.session)
	}
	s.mu.Unlock()
	s.runHooks()
	for _, stop := range []func(){unwatch, unshut} {
		if stop != nil {
			stop()
		}
	}
	sum := s.summary(opened, reason)
	if opened {
		sum.LagEvents, sum.LagBytes = s.lag()
	}
	if sub != nil {
		sub.close()
	}
	s.gate.hub.detach(held)
	if opened && !expected(reason) {
		s.log(slog.LevelError, "stream failed", "error", reason)
	}
	if handshake == nil || !handshake.answers {
		s.gate.hub.ends.ended(opened, reason)
		s.gate.hub.observeEnd(s, handshake, sum)
	}
	for _, f := range slices.Backward(onClose) {
		_ = s.guard("close hook", func() error { f(sum); return nil })
	}
}

// held returns the channels that a stream holds besides its subscriber's. The
// caller holds s.mu.
func (s *Stream) held() []*channel {
	x := s.rareCopy()
	if x.pending == nil {
		return x.private
	}
	return slices.Concat(x.private, without(x.pending.channels, s.sub.channels))
}

// expected reports whether a reason is part of normal operation.
func expected(reason error) bool {
	for _, err := range []error{
		ErrClosed, ErrClientGone, ErrWriteTimeout, ErrSlow, ErrDraining,
		ErrExpired, ErrRevoked, ErrLifetime, ErrReset, ErrHubClosed, ErrChanged, ErrPanic, // a panic is logged where it happens
	} {
		if errors.Is(reason, err) {
			return true
		}
	}
	return false
}

// appendReset appends the event that reports a gap. If the stream goes on live,
// the event also sets the client's last event ID to the position where it goes
// on.
func (s *subscriber) appendReset(dst []byte, gap *GapError) ([]byte, error) {
	s.hub.ends.reset(gap.Reason)
	ev, err := s.stream.resetOf(gap)
	if err != nil {
		return dst, err
	}
	ev.ID = ""
	if s.history == nil && s.skipThrough == nil {
		s.unreportedThrough = 0
		ev.ID = s.hub.position(s.cursor.Load()).String()
	}
	return s.stream.wire().appendEvent(dst, ev, 0)
}

// ResetEvent is the name of the event that tells a client, in band, that events
// after its last event ID are gone: a page should load its state anew. Its data
// is a JSON object with the members reason (a [GapReason]), oldest and newest
// (the IDs that bound what is kept). The stream then goes on from the
// subscription's [Start]. If the reason is [GapSkipped], the member channel
// names a channel: its events after oldest, up to newest, were left out, and
// the stream goes on with those that follow.
const ResetEvent = "reset"
