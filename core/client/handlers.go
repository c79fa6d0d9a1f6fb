package client

import (
	"net/http"
	"strings"
	"time"

	"github.com/tidings-go/tidings/core"
)

// Event is an event as a browser dispatches it.
type Event struct {
	// Event is what the event's block says, but that Name is "message" if the
	// block has none. Its ID is empty if the block has none.
	core.Event

	// LastEventID is the ID to resume after: the event's own, or else the one
	// that came last (section 9.2.6).
	LastEventID string
}

// Reconnect is what is known about the attempt that comes next.
type Reconnect struct {
	// Attempt counts from 1 on. It starts again after a healthy connection.
	Attempt int
	// Delay is how long the client waits first.
	Delay time.Duration
	// LastEventID is what it will ask to resume after.
	LastEventID string
	// Dropped is the last event ID that it will not ask to resume after, because
	// it cannot be sent or the server has refused it. The next stream begins
	// where it does for new clients: events may be missing, or come again.
	// Empty if none was dropped.
	Dropped string
	// Err is why the last attempt ended: [io.EOF] if the server ended the
	// stream.
	Err error
}

// Handlers are functions that are told what happens; each may be nil. They are
// called one at a time, in order, by the goroutine that called [Client.Run] or
// that loops over [Client.Events]; for an event first those here, then the
// loop's body. While one is at work, nothing is read. Once Close was called,
// from a handler too, only Close is called, and the connection is gone by then.
//
// A handler that panics ends the run: the panic passes through Run, or the
// loop, to its caller, and leaves nothing open.
type Handlers struct {
	// Open is called when an event stream has been opened, with the header of
	// the answer, which it may keep.
	Open func(header http.Header)
	// Named is called for events of a name, "message" for those without:
	// [Typed] makes such functions. The map is copied.
	Named map[string]func(Event)
	// Event is called for every event, after the one in Named.
	Event func(Event)
	// Comment is called for each comment, with its text.
	Comment func(text string)
	// Error is called when an attempt has failed or a stream has ended, with
	// the reason, [io.EOF] if the server ended it. If it returns an error,
	// there is no next attempt: the run ends with that error, as [Vetoed]. What
	// ends the run by itself cannot be vetoed.
	Error func(err error) error
	// Reconnect is called before the wait for the next attempt.
	Reconnect func(Reconnect)
	// Close is called at the end of a run, once, with the reason: an [*Error],
	// the cause of the context, or one of [ErrClosed], [ErrNoContent],
	// [ErrDone] and [io.EOF].
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
