package core

import (
	"fmt"
	"time"
)

// maxGreeting is the maximum number of bytes sent on a stream before it opens.
const maxGreeting = 64 << 10

// Send sends events, all in one write, and returns when they are handed to the
// network. While the client takes nothing, it blocks, at most until the gate's
// write timeout ends the stream.
//
// Either all events are sent or none: if one of them cannot be encoded, Send
// returns its [*FieldError] and the stream goes on. Once the stream has ended,
// Send returns why.
//
// In a middleware, before the stream opens, Send keeps the events as a greeting
// of at most 64 KiB, to be sent right after the head. On an open stream that
// the hub drives, it returns [ErrHubDriven].
func (s *Stream) Send(events ...Event) error {
	return s.write(len(events), func(dst []byte) ([]byte, error) {
		for _, ev := range events {
			var err error
			if dst, err = AppendEvent(dst, ev); err != nil {
				return nil, err
			}
		}
		return dst, nil
	})
}

// SendJSON sends an event whose data is v in JSON, instead of the data of ev.
// Otherwise it does what Send does. If v cannot be encoded, nothing is sent and
// the stream goes on.
func (s *Stream) SendJSON(ev Event, v any) error {
	ev, err := ev.withJSON(v)
	if err != nil {
		return err
	}
	return s.Send(ev)
}

// Comment sends a comment, which clients ignore (section 9.2.5): text for
// people who read the wire. It blocks like Send.
func (s *Stream) Comment(text string) error {
	return s.write(0, func(dst []byte) ([]byte, error) {
		return AppendComment(dst, text), nil
	})
}

// Retry tells the client how long to wait before it reconnects, from now on.
// It blocks like Send. A duration of 0 or less sends nothing.
func (s *Stream) Retry(d time.Duration) error {
	return s.write(0, func(dst []byte) ([]byte, error) {
		return AppendRetry(dst, d), nil
	})
}

// write sends what encode appends, or adds it to the greeting before the stream
// opens.
func (s *Stream) write(events int, encode func(dst []byte) ([]byte, error)) error {
	s.mu.Lock()
	switch {
	case s.err != nil:
		defer s.mu.Unlock()
		return s.err
	case s.state == statePending, s.state == stateOneShot:
		defer s.mu.Unlock()
		greeting, err := encode(s.handshake.greeting)
		if err != nil {
			return err
		}
		if len(greeting) > maxGreeting {
			return fmt.Errorf("greeting over %d bytes: %w", maxGreeting, ErrTooLarge)
		}
		s.handshake.greeting = greeting
		s.handshake.greetings += events
		return nil
	case s.state == stateSubscribed:
		defer s.mu.Unlock()
		return ErrHubDriven
	}
	out := s.out
	s.mu.Unlock()
	return out.write(events, encode)
}
