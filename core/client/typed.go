package client

import (
	"encoding/json"
	"fmt"
	"iter"
	"strings"
)

// DataError is an event whose data is not what was expected.
type DataError struct {
	// Event is the event.
	Event Event
	// Err is the error of [json.Unmarshal].
	Err error
}

// Error names the event, and says what is wrong with its data.
func (e *DataError) Error() string {
	return fmt.Sprintf("tidings: data of event %.100q, name %.100q: %v", e.Event.LastEventID, e.Event.Name, e.Err)
}

// Unwrap returns the error of json.Unmarshal.
func (e *DataError) Unwrap() error { return e.Err }

// Decode returns an iterator over the values that the events of a name hold in
// JSON. Events of other names are passed over, an empty name is "message".
// Data that is no T yields a [*DataError], and the iteration goes on; any other
// error is the last one of events.
func Decode[T any](events iter.Seq2[Event, error], name string) iter.Seq2[T, error] {
	name = strings.Clone(name) // kept until the loop ends
	if name == "" {
		name = "message"
	}
	return func(yield func(T, error) bool) {
		for ev, err := range events {
			var v T
			if err == nil {
				if ev.Name != name {
					continue
				}
				v, err = decode[T](ev)
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

// Typed returns a function for Handlers.Named that decodes the data of each
// event from JSON. Where it is no T, the error is a [*DataError] and the value
// zero.
func Typed[T any](fn func(ev Event, v T, err error)) func(Event) {
	return func(ev Event) {
		v, err := decode[T](ev)
		fn(ev, v, err)
	}
}

func decode[T any](ev Event) (T, error) {
	var v T
	if err := json.Unmarshal([]byte(ev.Data), &v); err != nil {
		var zero T
		return zero, &DataError{Event: ev, Err: err}
	}
	return v, nil
}
