package client

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Reasons for the end of a run that is not a failure: [Handlers].Close receives
// one of these, while [Client.Run] returns nil and [Client.Events] yields no error.
// With OneShot, the reason is [io.EOF] if the server has ended the stream.
var (
	// ErrClosed means that the program ended the run: it called Close, or left the
	// loop over Events.
	ErrClosed = errors.New("tidings: client closed")
	// ErrNoContent means that the server answered 204, which tells clients to stop
	// (section 9.2.3).
	ErrNoContent = errors.New("tidings: the server has no more content")
	// ErrDone means that the event with the Terminator of the [Config] was received.
	ErrDone = errors.New("tidings: the stream's terminator has come")
)

// Reasons for the end of an attempt, besides network errors.
var (
	// ErrIdle means that nothing was received for the IdleTimeout of the [Config].
	ErrIdle = errors.New("tidings: the peer is silent")
	// ErrRestart means that the program called [Client.Restart].
	ErrRestart = errors.New("tidings: restart")
)

// ErrRunning is returned by [Client.Run] and yielded by [Client.Events] while
// another run of the client is in progress.
var ErrRunning = errors.New("tidings: the client is running already")

// Reason is the kind of failure that ended a run.
type Reason string

const (
	// Refused means that the status of the response is neither 200 nor one to
	// reconnect after. The error wraps a [*StatusError].
	Refused Reason = "refused"
	// NotEvents means that the response is no event stream. The error wraps a
	// [*ContentTypeError].
	NotEvents Reason = "not an event stream"
	// TooLarge means that a line or an event is over the limit, and would be after a
	// reconnect, too. The error wraps a [*core.SizeError].
	TooLarge Reason = "too large"
	// OutOfAttempts means that MaxAttempts of [Backoff] failed in a row.
	OutOfAttempts Reason = "attempts used up"
	// OutOfTime means that MaxElapsed of [Backoff] would be over before the next
	// attempt.
	OutOfTime Reason = "time used up"
	// Vetoed means that [Handlers].Error returned an error.
	Vetoed Reason = "vetoed"
	// Broken means that the only attempt of a client with OneShot failed.
	Broken Reason = "broken"
)

// Error is the reason for which a client gave up.
type Error struct {
	// Reason is the kind of failure, to branch on.
	Reason Reason
	// Attempts is how many attempts failed in a row, the last one included.
	Attempts int
	// Err is the error of the last attempt, or the one that [Handlers].Error
	// returned. It is [io.EOF] if the server ended the stream in order.
	Err error
}

// Error returns the reason and the wrapped error. Of the URL, it holds scheme and
// host at most, since the rest may be secret.
func (e *Error) Error() string {
	text := "tidings: client gave up: " + string(e.Reason)
	if e.Reason == OutOfAttempts || e.Reason == OutOfTime {
		text += " (" + strconv.Itoa(e.Attempts) + ")"
	}
	return text + ": " + strings.TrimPrefix(fmt.Sprint(e.Err), "tidings: ")
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// StatusError reports a response with a status other than 200.
type StatusError struct {
	// Status is the HTTP status.
	Status int
	// RetryAfter is how long the server asks to wait, 0 if it does not ask.
	RetryAfter time.Duration
	// Header is the header of the response. The receiver may keep it.
	Header http.Header
	// Excerpt is the beginning of the response's body, at most 1 KiB. It is the
	// server's text, and may repeat secrets from the request.
	Excerpt string
}

// Error returns the status, and nothing that the server wrote.
func (e *StatusError) Error() string {
	text := "tidings: status " + strconv.Itoa(e.Status)
	if name := http.StatusText(e.Status); name != "" {
		text += " " + name
	}
	return text
}

// ContentTypeError reports a response that is no event stream, or one with an
// encoding that the transport does not decode.
type ContentTypeError struct {
	// ContentType and ContentEncoding are header fields of the response.
	ContentType, ContentEncoding string
}

// Error returns the encoding if there is one, and otherwise the content type.
func (e *ContentTypeError) Error() string {
	if e.ContentEncoding != "" {
		return fmt.Sprintf("tidings: content encoding %.100q", e.ContentEncoding)
	}
	return fmt.Sprintf("tidings: content type %.100q, want text/event-stream", e.ContentType)
}
