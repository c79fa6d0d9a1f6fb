package core

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Refusal is the answer to a request that gets no stream. A [Middleware], a
// subscription's function and a one-shot's function return one to choose the
// status; any other error is logged and answered with 500.
//
// A browser's EventSource does not reconnect after a refusal. With 204 the
// standard means it: the stream is over for good (section 9.2.3).
type Refusal struct {
	// Status is the HTTP status: 204, or one from 300 to 999.
	Status int
	// Message is sent to the client as text/plain. Empty means the status's
	// own text.
	Message string
	// RetryAfter, if positive, is sent as Retry-After, in seconds, rounded up.
	RetryAfter time.Duration
	// Header holds further header fields of the answer: WWW-Authenticate, say.
	Header http.Header
	// Err is the cause. It is logged, and never sent.
	Err error
}

// Refuse returns a Refusal with a status and the message for the client.
func Refuse(status int, message string) *Refusal {
	return &Refusal{Status: status, Message: message}
}

// Finished returns the refusal that tells a browser to stop for good: 204.
func Finished() *Refusal {
	return &Refusal{Status: http.StatusNoContent}
}

// Error returns the status, the message and the cause.
func (r *Refusal) Error() string {
	text := fmt.Sprintf("tidings: refused with %d: %s", r.Status, r.text())
	if r.Err != nil {
		text += ": " + r.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

func (r *Refusal) text() string {
	if r.Message != "" {
		return r.Message
	}
	return http.StatusText(r.Status)
}

// refusalOf returns the refusal in err's tree, or one with 500 if there is none
// or it has no status to answer with.
func refusalOf(err error) *Refusal {
	var r *Refusal
	switch {
	case !errors.As(err, &r):
		return &Refusal{Status: http.StatusInternalServerError, Err: err}
	case r == nil:
		return &Refusal{Status: http.StatusInternalServerError, Err: errors.New("refusal that is nil")}
	case r.Status != http.StatusNoContent && (r.Status < http.StatusMultipleChoices || r.Status > 999):
		return &Refusal{
			Status: http.StatusInternalServerError,
			Err:    fmt.Errorf("refusal with status %d: %w", r.Status, err),
		}
	}
	return r
}

// answer writes the refusal's header fields into h and returns its body, which
// is nil where the status allows none.
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
