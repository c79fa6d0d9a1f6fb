package core

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Refusal is the answer to a request that gets no stream. A [Middleware], the
// function of a subscription and the function of a one-shot return one to
// choose the status; any other error is logged and answered with 500.
//
// A browser's EventSource does not reconnect after any status but 200 (section
// 9.2.3), and the page is not told why. A temporary refusal, one with status 429
// or 503, is therefore a short stream for a client that asks for
// text/event-stream by name: status 200, a time to reconnect with jitter, the
// message as a comment, and the end. Other clients get the status. Hooks and
// logs see the refusal with its status either way. See Lasting and
// [GateConfig.RefuseByStatus]. The status 204 tells a browser that the stream is
// over for good.
type Refusal struct { //nolint:errname // It is an answer in the first place.
	// Status is the HTTP status: 204, or one from 300 to 999.
	Status int
	// Message is sent to the client as text/plain. Default: the status's own
	// text.
	Message string
	// RetryAfter, if positive, is sent as Retry-After, in seconds, rounded up.
	// Default: not sent. A client that is sent a short stream reconnects after a
	// random time from RetryAfter, or the gate's Retry, to twice that.
	RetryAfter time.Duration
	// Lasting sends a refusal with status 429 or 503 as it is to every client: a
	// browser's EventSource then stops for good.
	Lasting bool
	// Header holds more header fields of the answer, such as WWW-Authenticate.
	Header http.Header
	// Err is the cause. It is never sent. It is logged if the status is 500 or
	// more, but not 503.
	Err error

	of *Refusal // the refusal that this is a copy of, or nil
}

// Is reports whether target is the refusal that this one is a copy of: a stream
// keeps a copy of the refusal that was returned.
func (r *Refusal) Is(target error) bool {
	of, ok := target.(*Refusal)
	return ok && r != nil && of != nil && r.of == of
}

// Refuse returns a Refusal with a status and the message for the client.
func Refuse(status int, message string) *Refusal {
	return &Refusal{Status: status, Message: message}
}

// Finished returns the refusal with status 204, which tells a browser to stop
// for good.
func Finished() *Refusal {
	return &Refusal{Status: http.StatusNoContent}
}

// Error returns the status, the message and the cause.
func (r *Refusal) Error() string {
	if r == nil {
		return "tidings: refusal that is nil"
	}
	text := fmt.Sprintf("tidings: refused with %d: %s", r.Status, r.text())
	if r.Err != nil {
		text += ": " + r.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error {
	if r == nil {
		return nil
	}
	return r.Err
}

func (r *Refusal) text() string {
	if r.Message != "" {
		return r.Message
	}
	return http.StatusText(r.Status)
}

// refusalOf returns a copy of the refusal in err's tree, if its status is
// valid. Otherwise it returns one with 503 if the hub drains, with 401 or 403 if
// the permission has ended, and with 500 if not.
func refusalOf(err error) *Refusal {
	var r *Refusal
	found := errors.As(err, &r)
	switch {
	case found && r != nil && (r.Status == http.StatusNoContent || r.Status >= 300 && r.Status <= 999):
		kept := *r // the stream keeps it, and frameworks lend strings
		kept.Message, kept.of = strings.Clone(r.Message), r
		return &kept
	case errors.Is(err, ErrDraining), errors.Is(err, ErrHubClosed):
		return drainRefusal()
	case errors.Is(err, ErrExpired): // while it was at the gate
		return &Refusal{Status: http.StatusUnauthorized, Message: "Your permission has expired.", Err: err}
	case errors.Is(err, ErrRevoked):
		return forbidden(err)
	}
	return &Refusal{Status: http.StatusInternalServerError, Err: err}
}

// forbidden returns the answer to a request that is not allowed.
func forbidden(err error) *Refusal { return &Refusal{Status: http.StatusForbidden, Err: err} }

// noRoom returns the answer to a request for a channel that exceeds the hub's
// MaxChannels, or has MaxSubscribers.
func noRoom(err error) *Refusal {
	message := "There are too many channels. Try again later."
	if errors.Is(err, ErrChannelFull) {
		message = "The channel has too many subscribers. Try again later."
	}
	return &Refusal{
		Status: http.StatusServiceUnavailable, Message: message,
		RetryAfter: 5*time.Second + upTo(5*time.Second), Err: err,
	}
}

// temporary reports whether a client should try again by itself.
func (r *Refusal) temporary() bool {
	return !r.Lasting && (r.Status == http.StatusTooManyRequests || r.Status == http.StatusServiceUnavailable)
}

// shortStream turns the opening into a stream that ends at once, and tells the
// client when to reconnect.
func (o *Opening) shortStream(r *Refusal) {
	for name, values := range r.Header {
		o.Header[http.CanonicalHeaderKey(name)] = values
	}
	o.streamHead()
	o.Streams = false
	wait := r.RetryAfter
	if wait <= 0 {
		wait = max(o.stream.gate.cfg.Retry, time.Second)
	}
	o.Body = AppendComment(AppendRetry(nil, wait+upTo(wait)), r.text())
}

// answer sets the refusal's header fields in h and returns its body, which is
// nil where the status allows none.
func (r *Refusal) answer(h http.Header) []byte {
	for name, values := range r.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	h.Set("Cache-Control", "no-store")
	if r.RetryAfter > 0 {
		seconds := (r.RetryAfter + time.Second - 1) / time.Second
		h.Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	if r.Status == http.StatusNoContent || r.Status == http.StatusNotModified {
		return nil
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	return []byte(r.text() + "\n")
}
