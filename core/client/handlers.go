package client

import (
	"net/http"
	"strings"
	"time"

	"github.com/tidings-go/tidings/core"
)

// Event is an event as a browser dispatches it.
type Event struct {
	// Event holds the fields of the event's block. Name is "message" if the block
	// has none; ID is empty if the block has none.
	core.Event

	// LastEventID is the ID to resume after: the event's own, or otherwise the latest
	// before it (section 9.2.6).
	LastEventID string
}

// Reconnect describes the next attempt to connect.
type Reconnect struct {
	// Attempt counts from 1. It restarts at 1 after a healthy connection.
	Attempt int
	// Delay is how long the client waits before it.
	Delay time.Duration
	// LastEventID is the ID that it asks to resume after.
	LastEventID string
	// Dropped is the last event ID if it is not sent, because it cannot be or because
	// the server has refused it. The next stream then begins as for a new client:
	// events may be missing or come again. Otherwise it is empty.
	Dropped string
	// Err is the reason for the end of the last attempt: [io.EOF] if the server ended
	// the stream.
	Err error
}

// Handlers are functions that the client calls; each may be nil. They are called
// one at a time, in order, by the goroutine that called [Client.Run] or that loops
// over [Client.Events]; for an event before the loop's body. While a handler runs,
// the client does not read. After a call of [Client.Close], also from a handler,
// only the handler Close is called, when the connection is closed.
//
// A handler that panics ends the run: the panic passes through Run or the loop to
// its caller, and the response is closed.
type Handlers struct {
	// Open is called when an event stream has opened, with the header of the
	// response, which it may keep.
	Open func(header http.Header)
	// Named holds functions for the events of one name, "message" for events without
	// a name; [Typed] makes such functions. The map is copied.
	Named map[string]func(Event)
	// Event is called for every event, after the one in Named.
	Event func(Event)
	// Comment is called for each comment, with its text.
	Comment func(text string)
	// Error is called when an attempt has failed or a stream has ended, with the
	// reason: [io.EOF] if the server ended the stream. If it returns an error, there
	// is no further attempt: the run ends with that error and the reason [Vetoed]. If
	// there is no further attempt anyway, the returned error has no effect.
	Error func(err error) error
	// Reconnect is called before the wait for the next attempt.
	Reconnect func(Reconnect)
	// Close is called once, at the end of a run, with the reason: an [*Error], the
	// cause of the context, or one of [ErrClosed], [ErrNoContent], [ErrDone] and
	// [io.EOF].
	Close func(reason error)
}

// prepared returns a copy in which functions that are always called exist.
func (h Handlers) prepared() Handlers {
	named := make(map[string]func(Event), len(h.Named))
	for name, fn := range h.Named {
		named[strings.Clone(name)] = fn
	}
	h.Named = named
	if h.Open == nil {
		h.Open = func(http.Header) {}
	}
	if h.Error == nil {
		h.Error = func(error) error { return nil }
	}
	if h.Reconnect == nil {
		h.Reconnect = func(Reconnect) {}
	}
	if h.Close == nil {
		h.Close = func(error) {}
	}
	return h
}
