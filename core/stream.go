package core

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Stream is one client's event stream, from the moment it passes the gate
// until it has ended. A [Middleware] sees it before its head is sent; a
// [Handler] sends on it. All methods are safe for concurrent use.
//
// Methods that set something for the gate (SetFilter, Header and the hooks)
// take effect when they are called from a middleware.
type Stream struct {
	gate    *Gate
	request *http.Request
	header  http.Header
	id      string
	remote  string
	lastID  string
	since   time.Time
	out     writer

	ctx    context.Context //nolint:containedctx // A stream is what its handler's context belongs to.
	cancel context.CancelCauseFunc
	notice chan struct{} // closed when the stream should come to its end

	mu        sync.Mutex
	err       error
	phase     phase
	noticed   bool
	greeting  []byte // what was sent before the stream was open
	greetings int    // how many events are in it
	values    map[any]any
	identity  string
	channels  []string
	filter    func(Event) bool
	expiry    *time.Timer
	onOpen    []func()
	onClose   []func(Summary)
	onDeliver []func(events, bytes int)
	deliver   func(events, bytes int) // onDeliver, as it is when the stream opens

	events, bytes atomic.Int64
	lastWrite     atomic.Int64 // nanoseconds since the stream's beginning
}

// phase is where a stream is in its life.
type phase uint8

const (
	opening phase = iota // at the gate
	driving              // open, and the handler sends
	driven               // open, and the hub sends
)

// Summary says how a stream went.
type Summary struct {
	// Opened reports whether the stream passed the gate.
	Opened bool
	// Reason is why it ended: see [Stream.Err]. For a stream that did not
	// open, it is the [*Refusal].
	Reason error
	// Duration is the time since the request came to the gate.
	Duration time.Duration
	// Events and Bytes count what was sent; comments count as bytes only.
	Events, Bytes int64
}

// ID returns the stream's own ID: random, unguessable, unique.
func (s *Stream) ID() string { return s.id }

// Request returns the request that asked for the stream, with its body, if it
// had one, read already and held in memory. Do not keep it beyond the handler
// or the middleware.
func (s *Stream) Request() *http.Request { return s.request }

// Header returns the header fields that the response's head will have besides
// those that the framework's own middleware set. Changes after the gate have
// no effect.
func (s *Stream) Header() http.Header { return s.header }

// RemoteAddr returns the network address of the peer, which may be a proxy.
func (s *Stream) RemoteAddr() string { return s.remote }

// Since returns when the request came to the gate.
func (s *Stream) Since() time.Time { return s.since }

// LastEventID returns the ID of the last event that the client has seen, or
// nothing (section 9.2.4). It is what the client says, checked for its form
// only: no longer than [MaxIDBytes], without CR, LF or NUL.
func (s *Stream) LastEventID() string { return s.lastID }

// Channels returns the names of the channels that the stream is subscribed to,
// once it is known; a handler's stream has none. The caller owns the slice.
func (s *Stream) Channels() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.channels...)
}

// Context returns a context with the values of the request's. It ends with
// the stream, and [context.Cause] then returns why.
func (s *Stream) Context() context.Context { return s.ctx }

// Done returns a channel that is closed when the stream has ended.
func (s *Stream) Done() <-chan struct{} { return s.ctx.Done() }

// Draining returns a channel that is closed when the stream should come to its
// end by itself, because the hub drains: a handler may finish its answer. It
// is closed when the stream ends, too.
func (s *Stream) Draining() <-chan struct{} { return s.notice }

// Err returns nil while the stream is open, and why it ended afterwards: one
// of the errors of this package that begin with Err, possibly wrapped, or what
// the handler returned. It does not change any more.
func (s *Stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Value returns what SetValue stored for the key, or nil.
func (s *Stream) Value(key any) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[key]
}

// SetValue stores a value with the stream. The key should be of a type of the
// caller's own, as with a context.
func (s *Stream) SetValue(key, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values == nil {
		s.values = make(map[any]any)
	}
	s.values[key] = value
}

// Identity returns whom the stream belongs to, as a middleware has found out,
// or nothing.
func (s *Stream) Identity() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.identity
}

// SetIdentity says whom the stream belongs to.
func (s *Stream) SetIdentity(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identity = name
}

// SetExpiry ends the stream with [ErrExpired] at a time, when a token expires
// say. It may be moved while the stream is open. The zero time means never.
func (s *Stream) SetExpiry(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.expiry != nil {
		s.expiry.Stop()
		s.expiry = nil
	}
	if !at.IsZero() && s.err == nil {
		s.expiry = time.AfterFunc(time.Until(at), func() { s.end(ErrExpired) })
	}
}

// SetFilter lets only those of the hub's events through for which keep returns
// true, live and replayed alike. It is called for each event, from one
// goroutine at a time, and must not block. A second filter is asked after the
// first: both must agree.
func (s *Stream) SetFilter(keep func(Event) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.filter; first != nil {
		s.filter = func(ev Event) bool { return first(ev) && keep(ev) }
		return
	}
	s.filter = keep
}

// OnOpen has f called once, when the stream has passed the gate, before
// anything is sent.
func (s *Stream) OnOpen(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onOpen = append(s.onOpen, f)
}

// OnClose has f called once, when the stream has ended or was refused: what a
// middleware took it can give back there. The functions run in the reverse
// order of their registration, after the last byte was sent. On a stream that
// has ended already, f is not called.
func (s *Stream) OnClose(f func(Summary)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onClose = append(s.onClose, f)
}

// OnDeliver has f called after each write that reached the connection, with
// the number of events and of bytes in it; heartbeats count 0 events. It must
// not block.
func (s *Stream) OnDeliver(f func(events, bytes int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onDeliver = append(s.onDeliver, f)
}

// Close ends the stream with [ErrClosed]. A write in progress may finish; it
// does not wait for it, nor for the handler. It always returns nil.
func (s *Stream) Close() error {
	s.end(ErrClosed)
	return nil
}

// end latches why the stream ends, and has everybody stop. It reports whether
// this call was the one that ended it.
func (s *Stream) end(reason error) bool {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return false
	}
	s.err = reason
	s.closeNotice()
	s.mu.Unlock()
	s.out.refuse(reason)
	s.cancel(reason)
	if errors.Is(reason, ErrClientGone) || errors.Is(reason, ErrWriteTimeout) {
		s.out.abort() // nobody is there to take the rest
	}
	return true
}

// abort ends the stream and whatever it is about to write.
func (s *Stream) abort(reason error) {
	s.end(reason)
	s.out.abort()
}

// announce asks the stream to come to its end.
func (s *Stream) announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeNotice()
}

// closeNotice closes s.notice once. The caller holds s.mu.
func (s *Stream) closeNotice() {
	if !s.noticed {
		s.noticed = true
		close(s.notice)
	}
}

// summary returns how the stream went.
func (s *Stream) summary(opened bool, reason error) Summary {
	return Summary{
		Opened: opened, Reason: reason, Duration: time.Since(s.since),
		Events: s.events.Load(), Bytes: s.bytes.Load(),
	}
}

// sent keeps count of what reached the connection.
func (s *Stream) sent(events, bytes int) {
	s.events.Add(int64(events))
	s.bytes.Add(int64(bytes))
	s.lastWrite.Store(int64(time.Since(s.since)))
	if s.deliver == nil {
		return
	}
	// Others wait for the one who sends, which may be a heartbeat: a panic must
	// not get past here.
	if err := s.guard("deliver hook", func() error { s.deliver(events, bytes); return nil }); err != nil {
		s.end(err)
	}
}
