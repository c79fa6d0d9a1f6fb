package core

import (
	"net/http"
	"time"
)

// Sender is the open stream of a [Handler], with its sending side. All methods
// are safe for concurrent use, also while another goroutine sends. When the
// handler has returned, the stream is over, and they return why.
type Sender struct {
	*Stream

	request *http.Request
	out     *writer
	items   int // events in the body; guarded by out's lock
}

// Request returns the request that asked for the stream. Its body, if it has
// one, was read before, and is held in memory. Do not keep the request beyond
// the handler.
func (s *Sender) Request() *http.Request { return s.request }

// Send sends events, all in one write, and returns when they are handed to the
// network. While the client takes nothing, it blocks, at most until the gate's
// write timeout ends the stream.
//
// Either all events are sent or none: if one of them cannot be encoded, Send
// returns its [*FieldError] and the stream goes on. Once the stream has ended,
// Send returns why.
func (s *Sender) Send(events ...Event) error {
	return s.out.write(len(events), s.wire().encodeEvents(events, &s.items))
}

// SendJSON sends an event whose data is v in JSON, instead of the data of ev.
// Otherwise it does what Send does. If v cannot be encoded, nothing is sent and
// the stream goes on.
func (s *Sender) SendJSON(ev Event, v any) error {
	ev, err := ev.withJSON(v)
	if err != nil {
		return err
	}
	return s.Send(ev)
}

// Comment sends a comment, which clients ignore (section 9.2.5): text for
// people who read the wire. It blocks like Send. In a JSON format, nothing is sent.
func (s *Sender) Comment(text string) error { return s.out.write(0, s.wire().encodeComment(text)) }

// Retry tells the client how long to wait before it reconnects, from now on.
// It blocks like Send. A duration of 0 or less sends nothing, and so does a JSON
// format.
func (s *Sender) Retry(d time.Duration) error { return s.out.write(0, s.wire().encodeRetry(d)) }

// Draining returns a channel that is closed when the stream should finish by
// itself, because the hub drains or the server shuts down: a handler may
// complete its answer. The channel is closed when the stream ends, too.
func (s *Sender) Draining() <-chan struct{} {
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

// encoding appends what is to be sent to dst.
type encoding func(dst []byte) ([]byte, error)
