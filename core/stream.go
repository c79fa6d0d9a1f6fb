package core

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
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
	gate   *Gate
	key    streamKey // its ID
	remote string
	lastID string
	since  time.Duration // when the request came, on the hub's clock

	mu           sync.Mutex
	err          error
	state        streamState
	drainNoticed bool
	hijacked     bool // its connection was taken over
	counted      bool // the stream is counted on its channels
	finished     bool
	awaits       bool            // its adapter is to call Run, Own or Abandon
	owner        *hijackedConn   // the shard's side of a stream that it sends on, or nil
	out          *writer         // what sends on other streams, or nil before they open
	sub          *subscriber     // of a subscription, or nil
	draining     chan struct{}   // made when asked for; closed when the stream should come to its end
	ctx          context.Context //nolint:containedctx // A stream is what its handler's context belongs to.
	cancel       context.CancelCauseFunc
	handshake    *handshake // nil once the hub drives: one that waits holds no more than it needs
	unwatch      func()     // stops watching the request and its connection, or nil
	unshut       func()     // stops waiting for the server's shutdown, or nil
	onClose      []func(Summary)

	rare       atomic.Pointer[rareState]  // or nil; set under mu
	membership atomic.Pointer[membership] // or nil; set under mu

	changing atomic.Bool // its channels are to change

	events, bytes atomic.Int64
}

// rareState are what only some streams have.
type rareState struct {
	values   map[any]any
	filter   func(Delivery) bool
	deliver  func(events, bytes int) // all of onDeliver
	expiry   *time.Timer
	lifetime *time.Timer

	pending *pendingChannels    // what the channels are to be, or nil
	begins  map[*channel]uint64 // what comes before this, of channels that were added, is not the stream's
	private []*channel          // that the stream has made
	hooks   []hook              // that are due
	hooking bool                // somebody is calling hooks

	sessionKey string // the name that its channels are remembered by
	inSession  bool   // they are, as notedAs
	session    sessionName
}

// ensureRare returns the stream's extras, to be changed. The caller holds s.mu.
func (s *Stream) ensureRare() *rareState {
	if s.rare.Load() == nil {
		s.rare.Store(new(rareState))
	}
	return s.rare.Load()
}

// rareCopy returns the stream's extras, to be read. The caller holds s.mu.
func (s *Stream) rareCopy() rareState {
	x := s.rare.Load()
	if x == nil {
		return rareState{}
	}
	return *x
}

// streamState is where a stream is in its life.
type streamState uint8

const (
	statePending    streamState = iota // at the gate
	stateOneShot                       // a one-shot that waits for its event
	stateHandler                       // open, and the handler sends
	stateSubscribed                    // open, and the hub sends
)

// Summary says how a stream went.
type Summary struct {
	// Opened reports whether the stream passed the gate. It is false for what
	// was no request for a stream: see [Stream.ChannelChange].
	Opened bool
	// Reason is why it ended: see [Stream.Err]. For a stream that did not
	// open, it is the [*Refusal].
	Reason error
	// Duration is the time since the request came to the gate.
	Duration time.Duration
	// Events and Bytes count what was sent; comments count as bytes only.
	Events, Bytes int64
}

// ID returns the stream's own ID: random, unguessable, unique. It is the key that
// [Gate.ChangeChannels] takes, besides the identity: where streams have none, or
// share one, a client that knows the ID of another's stream changes its channels.
// Tell it to the stream's own client, and to nobody else.
func (s *Stream) ID() string { return hex.EncodeToString(s.key[:]) }

// Request returns the request that asked for the stream. A handler finds its
// body, if it had one, read already and held in memory. Do not keep it beyond the handler
// or the middleware. On an open stream that the hub drives, it is nil: one that
// waits holds no more than it needs.
func (s *Stream) Request() *http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handshake == nil {
		return nil
	}
	return s.handshake.request
}

// Header returns the header fields that the response's head will have besides
// those that the framework's own middleware set. Changes after the gate have
// no effect. On an open stream that the hub drives, it is nil.
func (s *Stream) Header() http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handshake == nil {
		return nil
	}
	return s.handshake.header
}

// RemoteAddr returns the network address of the peer, which may be a proxy.
func (s *Stream) RemoteAddr() string { return s.remote }

// Since returns when the request came to the gate.
func (s *Stream) Since() time.Time { return s.gate.hub.started.Add(s.since) }

// LastEventID returns the ID of the last event that the client has seen, or
// nothing (section 9.2.4). It is what the client says, checked for its form
// only: see [CheckID].
func (s *Stream) LastEventID() string { return s.lastID }

// Channels returns the names of the channels that the stream is subscribed to,
// once it is known; a handler's stream has none. The caller owns the slice.
func (s *Stream) Channels() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	channels := s.wanted()
	names := make([]string, len(channels))
	for i, c := range channels {
		names[i] = c.name
	}
	slices.Sort(names)
	return names
}

// Context returns a context with the values of the request's; when first asked
// for on an open stream that the hub drives, it has none. It ends with the
// stream, and [context.Cause] then returns why.
func (s *Stream) Context() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		base := context.Background()
		if s.handshake != nil {
			base = context.WithoutCancel(s.handshake.request.Context())
		}
		s.ctx, s.cancel = context.WithCancelCause(base)
		if s.err != nil {
			s.cancel(s.err)
		}
	}
	return s.ctx
}

// Done returns a channel that is closed when the stream has ended.
func (s *Stream) Done() <-chan struct{} { return s.Context().Done() }

// Draining returns a channel that is closed when the stream should come to its
// end by itself, because the hub drains: a handler may finish its answer. It
// is closed when the stream ends, too.
func (s *Stream) Draining() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining == nil {
		s.draining = make(chan struct{})
		if s.drainNoticed {
			close(s.draining)
		}
	}
	return s.draining
}

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
	return s.rareCopy().values[key]
}

// SetValue stores a value with the stream. The key should be of a type of the
// caller's own, as with a context.
func (s *Stream) SetValue(key, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.ensureRare()
	if x.values == nil {
		x.values = make(map[any]any)
	}
	x.values[key] = value
}

// SetExpiry ends the stream with [ErrExpired] at a time, when a token expires
// say. It may be moved while the stream is open. The zero time means never.
func (s *Stream) SetExpiry(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.ensureRare()
	if x.expiry != nil {
		x.expiry.Stop()
		x.expiry = nil
	}
	if !at.IsZero() && s.err == nil {
		x.expiry = time.AfterFunc(time.Until(at), func() { s.end(ErrExpired) })
	}
}

// SetFilter lets only those of the hub's events through for which keep returns
// true, live and replayed alike. It is called for each event that the stream is
// in the audience of, from one goroutine at a time, and must not block. A second filter is asked after the
// first: both must agree.
func (s *Stream) SetFilter(keep func(Delivery) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.ensureRare()
	if first := x.filter; first != nil {
		x.filter = func(d Delivery) bool { return first(d) && keep(d) }
		return
	}
	x.filter = keep
}

// OnOpen has f called once, when the stream has passed the gate, before
// anything is sent.
func (s *Stream) OnOpen(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handshake != nil {
		s.handshake.onOpen = append(s.handshake.onOpen, f)
	}
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
	if s.handshake != nil {
		s.handshake.onDeliver = append(s.handshake.onDeliver, f)
	}
}

// Close ends the stream with [ErrClosed]. A write in progress may finish; it
// does not wait for it, nor for the handler. It always returns nil.
func (s *Stream) Close() error {
	s.end(ErrClosed)
	return nil
}

// end latches why the stream ends, unless it has ended, and has everybody stop.
func (s *Stream) end(reason error) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err = reason
	s.closeDraining()
	s.giveUpAwaiting()
	out, owner, cancel := s.out, s.owner, s.cancel
	s.mu.Unlock()
	if cancel != nil {
		cancel(reason)
	}
	if owner != nil {
		owner.wake()
	}
	if out != nil {
		out.refuse(reason)
		if errors.Is(reason, ErrClientGone) || errors.Is(reason, ErrWriteTimeout) {
			out.abort() // nobody is there to take the rest
		}
	}
}

// abort ends the stream and whatever it is about to write.
func (s *Stream) abort(reason error) {
	s.end(reason)
	s.mu.Lock()
	out := s.out
	s.mu.Unlock()
	if out != nil {
		out.abort()
	}
}

// announceDrain asks the stream to come to its end.
func (s *Stream) announceDrain() {
	s.mu.Lock()
	s.closeDraining()
	owner := s.owner
	s.mu.Unlock()
	if owner != nil {
		owner.wake()
	}
}

// drainAnnounced reports whether the stream should come to its end, and has not.
func (s *Stream) drainAnnounced() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drainNoticed && s.err == nil
}

// closeDraining says once that the stream should come to its end. The caller
// holds s.mu.
func (s *Stream) closeDraining() {
	if s.drainNoticed {
		return
	}
	s.drainNoticed = true
	if s.draining != nil {
		close(s.draining)
	}
	if s.sub != nil && s.sub.wake != nil {
		s.sub.notify()
	}
}

// summary returns how the stream went.
func (s *Stream) summary(opened bool, reason error) Summary {
	return Summary{
		Opened: opened, Reason: reason, Duration: s.age(),
		Events: s.events.Load(), Bytes: s.bytes.Load(),
	}
}

// count keeps count of what reached the connection.
func (s *Stream) count(events, bytes int) {
	s.events.Add(int64(events))
	s.bytes.Add(int64(bytes))
	x := s.rare.Load() // what is read of it is set before the first byte is sent
	if x == nil || x.deliver == nil {
		return
	}
	// Others wait for the one who sends, which may be a heartbeat: a panic must
	// not get past here.
	if err := s.guard("deliver hook", func() error { x.deliver(events, bytes); return nil }); err != nil {
		s.end(err)
	}
}

// age returns how long ago the request came.
func (s *Stream) age() time.Duration {
	return time.Since(s.gate.hub.started) - s.since
}
