package core

import (
	"fmt"
	"net/http"
	"time"
)

// Handshake is a stream at the gate: its request, and what can be set until it
// opens. A [Middleware] gets it, the function of a subscription and that of a
// one-shot. All methods are safe for concurrent use. Do not keep a Handshake
// beyond the function that got it: an open stream needs less memory. Keep its
// Stream instead.
type Handshake struct {
	*Stream

	request *http.Request
	path    string
	answers bool // the request opens no stream
	change  bool // it changes another stream's channels; it implies answers
	header  http.Header

	// Stream.mu guards the fields below.
	changed   ChannelChange
	greeting  []byte // encoded events and comments to send right after the head
	greetings int    // number of events in greeting
	onOpen    []func()
	onDeliver []func(events, bytes int)
	overdue   *time.Timer // runs while the stream waits for its adapter
	// givenUp is not nil if the adapter did not begin the stream in time. It is
	// closed when the stream is finished.
	givenUp chan struct{}
}

// Request returns the request that asked for the stream. Its body, if it has
// one, is read after the middleware, and held in memory.
func (h *Handshake) Request() *http.Request { return h.request }

// Header returns the header fields of the response's head, without those that
// the framework's own middleware set. Changes after the gate have no effect.
func (h *Handshake) Header() http.Header { return h.header }

// ChannelChange reports whether this is not a request for a stream, but one to
// change the channels of an open stream: see [Gate.ChangeChannels]. Such a
// request passes the gate's middleware like a stream, but never opens: it is
// not counted, and the hub's hooks and OnOpen are not called. Its OnClose is
// called when the request was answered, with [ErrChanged], a [*Refusal], or the
// reason for which the client left or the hub closed. See also OpensStream.
func (h *Handshake) ChannelChange() (c ChannelChange, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed, h.change
}

// SetFilter adds a filter: the hub sends an event, live or replayed, only if
// keep returns true. It calls keep for each event whose audience the stream is
// in, from one goroutine at a time; keep must not block. A second filter is
// asked after the first: both must return true.
func (h *Handshake) SetFilter(keep func(Delivery) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	x := h.ensureRare()
	if first := x.filter; first != nil {
		x.filter = func(d Delivery) bool { return first(d) && keep(d) }
		return
	}
	x.filter = keep
}

// OnOpen registers a function that is called once, when the stream has passed
// the gate, before anything is sent.
func (h *Handshake) OnOpen(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.onOpen = append(h.onOpen, f)
}

// OnDeliver registers a function that is called after each write that reached
// the connection, with the number of events and of bytes in it; a heartbeat
// counts 0 events. The function must not block.
func (h *Handshake) OnDeliver(f func(events, bytes int)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.onDeliver = append(h.onDeliver, f)
}

// maxGreeting is the maximum number of bytes sent on a stream before it opens.
const maxGreeting = 64 << 10

// Send keeps events as a greeting of at most 64 KiB, to be sent right after the
// head. Either all events are kept or none: if one of them cannot be encoded,
// Send returns its [*FieldError]. Once the stream has opened, it returns
// [ErrOpened].
func (h *Handshake) Send(events ...Event) error {
	return h.write(len(events), func(dst []byte) ([]byte, error) {
		items := h.greetings
		return h.wire().encodeEvents(events, &items)(dst)
	})
}

// SendJSON sends an event whose data is v in JSON, instead of the data of ev.
// Otherwise it does what Send does.
func (h *Handshake) SendJSON(ev Event, v any) error {
	ev, err := ev.withJSON(v)
	if err != nil {
		return err
	}
	return h.Send(ev)
}

// Comment sends a comment after the head, as part of the greeting.
func (h *Handshake) Comment(text string) error { return h.write(0, h.wire().encodeComment(text)) }

// Retry tells the client how long to wait before it reconnects, as part of the
// greeting. It replaces the gate's Retry. A duration of 0 or less sends nothing.
func (h *Handshake) Retry(d time.Duration) error { return h.write(0, h.wire().encodeRetry(d)) }

// write adds what encode appends to the greeting.
func (h *Handshake) write(events int, encode encoding) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.err != nil:
		return h.err
	case h.state >= stateHandler:
		return ErrOpened
	}
	greeting, err := encode(h.greeting)
	if err != nil {
		return err
	}
	if len(greeting) > maxGreeting {
		return fmt.Errorf("greeting over %d bytes: %w", maxGreeting, ErrTooLarge)
	}
	h.greeting = greeting
	h.greetings += events
	return nil
}
