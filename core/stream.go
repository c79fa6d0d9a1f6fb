package core

import (
	"context"
	"encoding/hex"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Stream is one client's event stream, from the request until it has ended:
// what can be asked of any stream, and done with it. A [Handshake] is a stream
// at the gate, with what a [Middleware] may do besides; a [Sender] is an open
// stream with its sending side, for its [Handler]. All methods are safe for
// concurrent use.
type Stream struct {
	// Set when the request arrives, and not changed after the gate.
	gate   *Gate
	key    streamKey // the ID, in binary
	remote string
	lastID string
	since  time.Duration // arrival of the request, on the hub's clock
	// reconnects reports that a temporary refusal is a short stream for the client.
	reconnects bool
	dialect    uint8 // index of the dialect among the gate's

	// Lifecycle. mu guards all fields up to expiry.
	mu           sync.Mutex
	err          error // why the stream ended; nil while it is open
	state        streamState
	drainNoticed bool // the request to finish was announced
	hijacked     bool // its connection was taken over

	// Delivery.
	owner *member     // drives an open subscription; else nil
	out   *writer     // the response that a goroutine sends on; nil before it opens
	sub   *subscriber // of a subscription, else nil

	// Request and ending.
	draining  chan struct{}   // made on first use; closed when the stream should finish
	ctx       context.Context //nolint:containedctx // The stream owns its handler's context.
	cancel    context.CancelCauseFunc
	handshake *Handshake // nil once the hub sends: a waiting stream keeps little memory
	unwatch   func()     // stops watching the request and its connection, or nil
	unshut    func()     // stops waiting for the server's shutdown, or nil
	onClose   []func(Summary)
	expiry    *time.Timer // or nil

	// State that changes while the stream is open.
	rare       atomic.Pointer[rareState]  // or nil; set under mu
	membership atomic.Pointer[membership] // or nil; set under mu

	changing atomic.Bool // a change of channels is pending

	// What reached the connection.
	events, bytes atomic.Int64
}

// rareState holds the fields that only some streams need. Stream.mu guards
// them; deliver does not change after the first byte is sent and is then read
// without the lock.
type rareState struct {
	values   map[any]any
	filter   func(Delivery) bool
	deliver  func(events, bytes int) // calls all OnDeliver hooks
	lifetime *time.Timer

	pending *pendingChannels // the change of channels to apply next, or nil
	begins  marks            // of added channels: entries up to here are not delivered
	private []*channel       // made by PrivateChannel
	hooks   []hook           // due, in order
	last    *Event           // what to send before the stream closes, or nil

	sessionKey string // Subscription.SessionKey, or empty
	inSession  bool   // the hub remembers its channels, under session
	hooking    bool   // a goroutine calls hooks
	session    sessionName
}

// ensureRare returns the stream's rare state, to be changed, and makes it if
// there is none. The caller holds s.mu.
func (s *Stream) ensureRare() *rareState {
	if s.rare.Load() == nil {
		s.rare.Store(new(rareState))
	}
	return s.rare.Load()
}

// rareCopy returns a copy of the stream's rare state, zero if there is none.
// The caller holds s.mu.
func (s *Stream) rareCopy() rareState {
	x := s.rare.Load()
	if x == nil {
		return rareState{}
	}
	return *x
}

// streamState is the phase of a stream's life. A stream passes through some of
// them, in this order.
type streamState uint8

const (
	statePending    streamState = iota // at the gate
	stateAwaiting                      // until its adapter calls Run, Own or Abandon
	stateOpening                       // its adapter has called
	stateOneShot                       // the function of a one-shot makes its event
	stateHandler                       // open, and the handler sends
	stateSubscribed                    // open, and the hub sends; the stream is counted in its channels
	stateFinished                      // it has given back all that it held
)

// Summary describes a stream that has ended.
type Summary struct {
	// Opened reports whether the stream passed the gate. It is false for a
	// request to change channels: see [Handshake.ChannelChange].
	Opened bool
	// Reason is why the stream ended: see [Stream.Err]. For a stream that was
	// refused, it is the [*Refusal].
	Reason error
	// Duration is the time since the request came to the gate.
	Duration time.Duration
	// Events and Bytes count what was sent; comments count as bytes only.
	Events, Bytes int64
	// LagEvents and LagBytes are the number and the size of the events in the
	// rings that the stream was not sent any more: see [StreamInfo].
	LagEvents, LagBytes int
}

// ID returns the stream's ID: random, unguessable, unique. It is the key that
// [Gate.ChangeChannels] takes, besides the identity. Where streams have no
// identity, or share one, a client that knows the ID of another client's stream
// can change its channels. Send the ID to the stream's own client only.
func (s *Stream) ID() string { return hex.EncodeToString(s.key[:]) }

// RemoteAddr returns the network address of the peer, which may be a proxy.
func (s *Stream) RemoteAddr() string { return s.remote }

// Since returns when the request came to the gate.
func (s *Stream) Since() time.Time { return s.gate.hub.started.Add(s.since) }

// LastEventID returns the ID of the last event that the client has seen, or the
// empty string (section 9.2.4). The client claims it; only its form is checked:
// see [CheckID].
func (s *Stream) LastEventID() string { return s.lastID }

// Channels returns the sorted names of the channels that the stream is
// subscribed to. There are none before the subscription is chosen, and none for
// a handler's stream. The caller owns the slice.
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

// Context returns a context that ends with the stream; [context.Cause] then
// returns why. It has the values of the request's context, unless it is first
// asked for on an open stream that the hub drives: then it has none.
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

// Err returns nil while the stream is open. Afterwards it returns why the
// stream ended: one of the errors of this package that begin with Err, possibly
// wrapped, or the error that the handler returned. The reason does not change.
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

// SetExpiry ends the stream with [ErrExpired] at the given time, when a token
// expires, say. The client is told by a [ClosedEvent], as with CloseWithEvent; a
// stream that has not opened is refused with status 401. A later call moves the
// time, also while the stream is open. The zero time means never.
func (s *Stream) SetExpiry(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.expiry != nil {
		s.expiry.Stop()
		s.expiry = nil
	}
	if !at.IsZero() && s.err == nil {
		s.expiry = time.AfterFunc(time.Until(at), func() { s.endTold(ErrExpired, "expired") })
	}
}

// OnClose registers a function that is called once, when the stream has ended
// or was refused: a middleware releases there what it acquired. The functions
// run in the reverse order of their registration, after the last byte was sent.
// On a stream that has ended already, f is not called.
func (s *Stream) OnClose(f func(Summary)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onClose = append(s.onClose, f)
}

// Close ends the stream with [ErrClosed]. It waits neither for a write in
// progress, which may finish, nor for the handler. It always returns nil.
func (s *Stream) Close() error {
	s.end(ErrClosed)
	return nil
}

// summary returns the stream's summary.
func (s *Stream) summary(opened bool, reason error) Summary {
	return Summary{
		Opened: opened, Reason: reason, Duration: s.age(),
		Events: s.events.Load(), Bytes: s.bytes.Load(),
	}
}

// count adds to the totals of what reached the connection, and calls the
// OnDeliver hooks.
func (s *Stream) count(events, bytes int) {
	s.events.Add(int64(events))
	s.bytes.Add(int64(bytes))
	t := s.tally()
	t.events.Add(uint64(events)) //nolint:gosec // It is not negative.
	t.bytes.Add(uint64(bytes))   //nolint:gosec // The same.
	x := s.rare.Load()           // deliver is set before the first byte is sent
	if x == nil || x.deliver == nil {
		return
	}
	// Other senders wait for this goroutine, which may be that of a heartbeat:
	// a panic must not pass this point.
	if err := s.guard("deliver hook", func() error { x.deliver(events, bytes); return nil }); err != nil {
		s.end(err)
	}
}

// age returns the time since the request arrived.
func (s *Stream) age() time.Duration {
	return time.Since(s.gate.hub.started) - s.since
}
