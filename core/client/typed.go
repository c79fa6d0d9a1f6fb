package client

import (
	"encoding/json"
	"fmt"
	"iter"
	"strings"
)

// DataError reports an event with data that does not decode.
type DataError struct {
	// Event is the event.
	Event Event
	// Err is the error of [json.Unmarshal].
	Err error
}

// Error returns the event's ID and name, and the error of its data.
func (e *DataError) Error() string {
	return fmt.Sprintf("tidings: data of event %.100q, name %.100q: %v", e.Event.LastEventID, e.Event.Name, e.Err)
}

// Unwrap returns the error of json.Unmarshal.
func (e *DataError) Unwrap() error { return e.Err }

// Decode returns an iterator over the values of the events with a name, whose data
// is a T in JSON. It skips events with other names; an empty name is "message". For
// data that does not decode, it yields a [*DataError], and the iteration goes on.
// Any other error is the last one of events.
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

// Typed returns a function for Handlers.Named that decodes the data of each event
// from JSON, and calls fn. If the data does not decode, err is a [*DataError], and v
// is zero.
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
