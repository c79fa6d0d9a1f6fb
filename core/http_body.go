package core

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"sync"
	"time"
)

// readBody reads the body of the stream's request into memory and replaces it
// with what it read, so that the connection can be watched while the response
// is sent. The read ends with the stream, or at the gate's BodyTimeout.
func (s *Stream) readBody(r Request, limit int64) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	done := s.boundBody(r)
	// One byte more than the limit is read. A body may be present and empty:
	// that of every HTTP/2 request is.
	limit = min(max(limit, 0), math.MaxInt64-1)
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	done(err == nil)
	switch {
	case err != nil:
		return s.bodyRefusal(err)
	case int64(len(body)) > limit:
		return Refuse(http.StatusRequestEntityTooLarge, "The request's body is too large.")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// bodyRefusal returns the answer to a request whose body cannot be read.
func (s *Stream) bodyRefusal(err error) error {
	// net/http reports a failed read as the client's disconnect.
	if ended := s.Err(); ended != nil && !errors.Is(ended, ErrClientGone) {
		return ended
	}
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return &Refusal{Status: http.StatusRequestEntityTooLarge, Err: err}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &Refusal{Status: http.StatusRequestTimeout, Message: "The request's body took too long.", Err: err}
	}
	return &Refusal{Status: http.StatusBadRequest, Message: "The request's body cannot be read.", Err: err}
}

// boundBody makes reads of the request's body fail when the stream ends, and at
// the gate's BodyTimeout unless the server has set its own ReadTimeout. The
// returned function stops that; lift tells it to remove the deadline, too.
func (s *Stream) boundBody(r Request) (done func(lift bool)) {
	var mu sync.Mutex
	over := false
	set := func(t time.Time) {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			r.setReadDeadline(t)
		}
	}
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	bound := s.gate.cfg.BodyTimeout > 0 && (server == nil || server.ReadTimeout <= 0)
	if bound {
		set(time.Now().Add(s.gate.cfg.BodyTimeout))
	}
	stop := context.AfterFunc(s.Context(), func() { set(past()) })
	return func(lift bool) {
		ended := !stop()
		mu.Lock()
		over = true // a deadline of the past comes no more
		mu.Unlock()
		if lift && (bound || ended) {
			r.setReadDeadline(time.Time{})
		}
	}
}

// setReadDeadline sets the deadline of reads from the request's body, where
// that is possible.
func (r Request) setReadDeadline(t time.Time) {
	switch {
	case r.Response != nil:
		_ = http.NewResponseController(r.Response).SetReadDeadline(t)
	case r.NetConn != nil:
		_ = r.NetConn.SetReadDeadline(t)
	}
}
