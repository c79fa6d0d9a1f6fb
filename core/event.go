package core

import (
	"encoding/json"
	"fmt"
	"time"
)

// Event is one server-sent event. The zero value is an event with empty data.
//
// An Event is a value: it may be copied, and sent or published any number of
// times. Tidings keeps no reference to memory that a caller can change.
type Event struct {
	// ID becomes the client's last event ID. It is opaque UTF-8 text of at most
	// [MaxIDBytes], without control characters and without spaces at its ends (see
	// [CheckID]). An event without an ID that is sent on a stream does not change
	// the client's last event ID. An event without an ID that is published gets
	// the text of its position in the hub's order as its ID.
	ID string
	// Name is the event's type, which a browser's addEventListener selects. It is
	// UTF-8 text without CR or LF. Empty means "message".
	Name string
	// Data is the payload: any number of lines in UTF-8. CR, LF and CRLF each end
	// a line, and all arrive at the client as LF. A decoder replaces bytes that
	// are not valid UTF-8 with U+FFFD.
	Data string
	// Retry, if positive, tells the client how long to wait before it reconnects.
	// It is sent in milliseconds, rounded up.
	Retry time.Duration
	// Key names what the event is about, for example a stock's symbol. A snapshot
	// holds the latest event of each key. The key never appears on the wire. The
	// key of a published event has at most [MaxKeyBytes] bytes.
	Key string
}

// JSONEvent returns an event with the given name whose data is v in JSON.
// The error is that of [json.Marshal].
func JSONEvent(name string, v any) (Event, error) {
	return Event{Name: name}.withJSON(v)
}

// withJSON returns the event with its data replaced by v in JSON.
func (e Event) withJSON(v any) (Event, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return Event{}, fmt.Errorf("tidings: event data: %w", err)
	}
	e.Data = string(data)
	return e, nil
}
