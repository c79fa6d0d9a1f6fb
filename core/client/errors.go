package client

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Why a run ended in order, which is no failure: [Handlers].Close gets one of
// these, while [Client.Run] returns nil and [Client.Events] yields no error.
// With OneShot, it is [io.EOF] for a stream that the server has ended.
var (
	// ErrClosed says that the program ended the run: by Close, or by leaving the
	// loop over Events.
	ErrClosed = errors.New("tidings: client closed")
	// ErrNoContent says that the server answered 204, with which it tells
	// clients to stop (section 9.2.3).
	ErrNoContent = errors.New("tidings: the server has no more content")
	// ErrDone says that the terminator has come.
	ErrDone = errors.New("tidings: the stream's terminator has come")
)

// Why an attempt ended, next to the errors of the network.
var (
	// ErrIdle says that nothing came for so long that the peer counts as dead.
	ErrIdle = errors.New("tidings: the peer is silent")
	// ErrRestart says that the program asked for a new connection.
	ErrRestart = errors.New("tidings: restart")
)

// ErrRunning is the error of a run that begins while the client has another.
var ErrRunning = errors.New("tidings: the client is running already")

// Reason is the kind of a failure that ends a run.
type Reason string

const (
	// Refused says that the server's status is neither 200 nor one to try again
	// after. There is a [*StatusError].
	Refused Reason = "refused"
	// NotEvents says that the answer is no event stream. There is a
	// [*ContentTypeError].
	NotEvents Reason = "not an event stream"
	// TooLarge says that a line or an event is over the limit, and would be
	// after a reconnect, too. There is a [*core.SizeError].
	TooLarge Reason = "too large"
	// OutOfAttempts says that Backoff.MaxAttempts failed in a row.
	OutOfAttempts Reason = "attempts used up"
	// OutOfTime says that Backoff.MaxElapsed would be over before the next
	// attempt.
	OutOfTime Reason = "time used up"
	// Vetoed says that [Handlers].Error returned an error.
	Vetoed Reason = "vetoed"
	// Broken says that the one attempt of a client with OneShot failed.
	Broken Reason = "broken"
)

// Error is why a client gave up.
type Error struct {
	// Reason is the kind of failure, to branch on.
	Reason Reason
	// Attempts is how many attempts failed in a row, the last one included.
	Attempts int
	// Err is what the last attempt ended with, or what the veto was. It is
	// [io.EOF] if the server ended the stream in order.
	Err error
}

// Error returns the reason and the error behind it. Of the URL, it holds
// scheme and host at most: the rest may be secret.
func (e *Error) Error() string {
	text := "tidings: client gave up: " + string(e.Reason)
	if e.Reason == OutOfAttempts || e.Reason == OutOfTime {
		text += " (" + strconv.Itoa(e.Attempts) + ")"
	}
	return text + ": " + strings.TrimPrefix(fmt.Sprint(e.Err), "tidings: ")
}

// Unwrap returns the error behind it.
func (e *Error) Unwrap() error { return e.Err }

// StatusError is an answer whose status is not 200.
type StatusError struct {
	// Status is the HTTP status.
	Status int
	// RetryAfter is how long the server asks to wait, 0 if it does not.
	RetryAfter time.Duration
	// Header is the answer's. It is the receiver's to keep.
	Header http.Header
	// Excerpt is the beginning of the answer's body, at most 1 KiB. It is the
	// server's text, and may repeat what it was sent, secrets too.
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

// ContentTypeError is an answer that is no event stream, or one in an encoding
// that the transport does not undo.
type ContentTypeError struct {
	// ContentType and ContentEncoding are what the answer says it is.
	ContentType, ContentEncoding string
}

// Error returns the content type, or the encoding if that is what is wrong.
func (e *ContentTypeError) Error() string {
	if e.ContentEncoding != "" {
		return fmt.Sprintf("tidings: content encoding %.100q", e.ContentEncoding)
	}
	return fmt.Sprintf("tidings: content type %.100q, want text/event-stream", e.ContentType)
}
