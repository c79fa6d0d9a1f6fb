package core

import (
	"fmt"
	"strings"
)

// ClosedEvent is the name of the last event on a stream whose permission has
// ended. Its data is a JSON object with the member reason: "expired" or
// "revoked". Package middleware has more reasons. A [Dialect] with Reset or
// EndOnReset, or in a JSON format without Envelope, leaves the event out: its
// clients would take it for data. The client reconnects by
// itself, unless the page closes its EventSource.
const ClosedEvent = "closed"

// CloseWithEvent ends the stream like CloseWith, after one last event. The event
// is sent when the handler of a stream has returned, and it is dropped if the
// client takes no bytes at that moment. Its Retry tells the client how long to
// wait before it reconnects. On a stream that has ended already, nothing
// happens. The error is a [*FieldError] if the event cannot be sent; the stream
// then has ended all the same.
func (s *Stream) CloseWithEvent(reason error, last Event) error {
	last.ID = strings.Clone(last.ID)
	last.Name, last.Data = strings.Clone(last.Name), strings.Clone(last.Data)
	_, err := s.wire().appendEvent(nil, last, 0)
	s.endWith(closedWith(reason), &last)
	return err
}

// closedWith returns ErrClosed, together with a reason if there is one.
func closedWith(reason error) error {
	if reason == nil {
		return ErrClosed
	}
	return fmt.Errorf("%w: %w", ErrClosed, reason)
}

// endTold is end, after the ClosedEvent with a reason for the client. The event
// is left out for clients that could not tell it from data.
func (s *Stream) endTold(err error, reason string) {
	if !s.wire().ownEvents() {
		s.end(err)
		return
	}
	ev, _ := JSONEvent(ClosedEvent, struct {
		Reason string `json:"reason"`
	}{reason}) // a text has JSON
	s.endWith(err, &ev)
}

// appendLast appends the last event of an ended stream, if it has one. items is
// the number of events that stand before it in the body.
func (s *Stream) appendLast(dst []byte, items int) []byte {
	s.mu.Lock()
	var last *Event
	if x := s.rare.Load(); x != nil {
		last = x.last
	}
	s.mu.Unlock()
	if last == nil {
		return dst
	}
	dst, _ = s.wire().appendEvent(dst, *last, items) // CloseWithEvent has returned the error
	return dst
}
