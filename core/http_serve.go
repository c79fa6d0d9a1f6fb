package core

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"
)

// ServeHTTP serves the endpoint with plain net/http, and so with every router
// that takes an [http.Handler]. It returns when the stream has ended, or when
// core has taken the connection over.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, canOwn := w.(http.Hijacker)
	e.Open(Request{Request: r, Response: w, CanOwn: canOwn}).Serve(w, w)
}

// Serve answers through net/http: it writes the head, and a body that is no
// stream, to head, and runs the stream on body. The two differ only for an
// adapter whose framework wraps the writer in one that hides errors. Serve
// returns when the stream has ended, or when the stream goes on without the two
// writers. If body cannot be flushed, the answer is 500.
func (o *Opening) Serve(head, body http.ResponseWriter) {
	if o.Owned && o.takeOver(head) {
		return
	}
	var conn *responseConn
	if o.Streams {
		var err error
		if conn, err = o.responseConn(body); err != nil {
			o.stream.log(slog.LevelError, "stream refused", "error", err)
			o.Abandon(err)
			http.Error(head, "Streaming is not possible here.", http.StatusInternalServerError)
			return
		}
	}
	if !o.Streams {
		o.bound(body)
	}
	o.mergeHeader(head.Header())
	head.WriteHeader(o.Status)
	if o.Streams {
		o.Run(conn)
		return
	}
	if len(o.Body) > 0 {
		// If this fails, the client is gone, and nothing remains to be done.
		_, _ = head.Write(o.Body)
	}
}

// Adds reports whether header fields of that name are added to those already
// set on the response, instead of replacing them: earlier middleware may have
// set cookies of its own.
func (o *Opening) Adds(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Link", "Set-Cookie", "Vary", "Www-Authenticate":
		return true
	}
	return false
}

// mergeHeader sets the opening's header fields on a response.
func (o *Opening) mergeHeader(dst http.Header) {
	for name, values := range o.Header {
		if o.Adds(name) {
			values = slices.Concat(dst[name], values)
		}
		dst[name] = values
	}
}

// bound restores the server's WriteTimeout, from now on, for an answer that is
// no stream: core removed it while the request was at the gate.
func (o *Opening) bound(w http.ResponseWriter) {
	server, _ := o.stream.handshake.request.Context().Value(http.ServerContextKey).(*http.Server)
	if server == nil || server.WriteTimeout <= 0 {
		return
	}
	// A writer without deadlines here had none before, either.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(server.WriteTimeout))
}

// responseConn is a response of net/http, of any protocol version.
type responseConn struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// responseConn prepares w for streaming. It returns an error if w cannot be
// flushed.
func (o *Opening) responseConn(w http.ResponseWriter) (*responseConn, error) {
	if !flushes(w) {
		return nil, fmt.Errorf("tidings: %T cannot flush, leave what buffers out for event streams: %w",
			w, http.ErrNotSupported)
	}
	c := &responseConn{w: w, control: http.NewResponseController(w)}
	// A server's ReadTimeout would end the context of a request that only waits
	// for the client's disconnect.
	if err := c.control.SetReadDeadline(time.Time{}); err != nil {
		o.stream.log(slog.LevelWarn, "the server's timeouts will end this stream: a wrapped writer hides deadlines",
			"writer", fmt.Sprintf("%T", w), "error", err)
	}
	return c, nil
}

// flushes reports whether w, or a writer that it wraps, can be flushed.
func flushes(w http.ResponseWriter) bool {
	for {
		switch t := w.(type) {
		case http.Flusher, interface{ FlushError() error }:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return false
		}
	}
}

// Write buffers p for Flush, or sends it.
func (c *responseConn) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err != nil {
		return n, fmt.Errorf("tidings: write: %w", err)
	}
	return n, nil
}

// Flush sends what was written.
func (c *responseConn) Flush() error {
	if err := c.control.Flush(); err != nil {
		return fmt.Errorf("tidings: flush: %w", err)
	}
	return nil
}

// SetWriteDeadline sets the deadline of Write and Flush.
func (c *responseConn) SetWriteDeadline(t time.Time) error {
	if err := c.control.SetWriteDeadline(t); err != nil {
		return fmt.Errorf("tidings: write deadline: %w", err)
	}
	return nil
}
