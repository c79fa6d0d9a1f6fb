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

// readBody reads the body of the stream's request, so that the connection can
// be watched while the response is sent, and puts what it read in its place. A
// body that does not come ends with the stream, or at the gate's BodyTimeout.
func (s *Stream) readBody(r Request, limit int64) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	done := s.boundBody(r)
	// One byte more than the limit is asked for. A body that is there may still
	// be empty: that of every request of HTTP/2 is.
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
	// A read that fails looks like the client's disconnect to net/http.
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

// boundBody has reads of the request's body end with the stream, and at the
// gate's BodyTimeout unless the server has a ReadTimeout of its own, which it
// has set already. The returned function ends that; lift says to lift the bound.
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
		if lift && (bound || ended) {
			set(time.Time{})
		}
		mu.Lock()
		defer mu.Unlock()
		over = true
	}
}

// setReadDeadline bounds reads of the request's body, where that is possible.
func (r Request) setReadDeadline(t time.Time) {
	switch {
	case r.Response != nil:
		_ = http.NewResponseController(r.Response).SetReadDeadline(t)
	case r.NetConn != nil:
		_ = r.NetConn.SetReadDeadline(t)
	}
}
