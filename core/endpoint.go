package core

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// Opening is the answer to a request, for an adapter to send: a head, and then
// either a body or a stream.
type Opening struct {
	// Status is the response's status.
	Status int
	// Header holds the header fields to set on the response. Fields of the same
	// name are added to or replaced: see Adds.
	Header http.Header
	// Body is the whole body. It is empty if Streams.
	Body []byte
	// Streams reports whether the body is a stream: call Run once the head is
	// sent. If it is false, Run must not be called.
	Streams bool
	// Owned reports that the adapter should take the stream's connection over
	// from the server, and call Own instead of Run. It implies Streams.
	Owned bool
	// Chunked reports that the body of a connection that is taken over is sent in
	// chunks: the head says so. Otherwise, for HTTP/1.0, it ends with the
	// connection.
	Chunked bool

	stream *Stream
	gap    *GapError // to report at the beginning, or nil
	drive  Handler   // of a handler's stream, else nil
}

// Open takes a request through the gate. It never panics; an error becomes the
// Opening's status. It blocks for as long as middleware, the request's body or
// a one-shot's function take.
//
// If the Opening streams, the adapter must call its Run or Own, or its Abandon
// if the head could not be sent. A stream that ends before that, or waits for
// it longer than the gate's WriteTimeout, is over: Run and Own then send
// nothing.
func (e *Endpoint) Open(r Request) *Opening {
	switch {
	case e.answer != nil:
		return e.openAnswer(r)
	case e.readiness:
		return e.openReadiness(r)
	}
	s := e.gate.newStream(r.Request)
	o := &Opening{Header: s.handshake.header, stream: s, drive: e.handle}
	acceptable := e.negotiate(s, r.Header.Values("Accept"))
	s.watch(r)
	own, why := e.owns(r)
	// Nothing else may read from the connection while the body is read, and the
	// server's timeouts apply until then.
	bodiless := r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0
	r.Reused = r.Reused && (own || r.ProtoMinor == 0) // other streams hear of it from the framework
	if bodiless {
		s.watchConn(r)
	}
	if err := e.admit(o, r, acceptable); err != nil {
		return o.refused(err)
	}
	if !bodiless && (!own || r.Reused) { // a shard watches its connections itself
		s.watchConn(r)
	}
	switch {
	case e.once == nil && r.Method == http.MethodHead:
		return o.headOnly()
	case why != "" && e.gate.cfg.Conn == OwnedConn:
		s.log(slog.LevelWarn, "stream refused: its connection cannot be owned", "why", why)
		return o.refused(Refuse(http.StatusNotImplemented, ""))
	case why != "":
		s.log(slog.LevelDebug, "stream is sent as a response", "why", why)
	}
	if e.once != nil {
		if err := s.gate.hub.register(s); err != nil {
			return o.refused(err)
		}
		return e.openOneShot(o)
	}
	if err := o.await(); err != nil {
		return o.refused(err)
	}
	o.streamHead()
	if o.Owned = own; own {
		o.Chunked = r.ProtoMinor > 0
	} else {
		s.boundConn(r)
	}
	return o
}

// openReadiness answers whether the hub is ready.
func (e *Endpoint) openReadiness(r Request) *Opening {
	s := e.gate.newStream(r.Request)
	o := &Opening{Status: http.StatusOK, Header: s.handshake.header, Body: []byte("ready\n"), stream: s}
	if !e.gate.hub.Ready() {
		o.Status, o.Body = http.StatusServiceUnavailable, []byte("not ready\n")
	}
	o.Header.Set("Content-Type", "text/plain; charset=utf-8")
	o.Header.Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		o.Body = nil
	}
	return o
}

// owns reports whether the stream's connection is to be taken over, and if not,
// why. For a stream that is never taken over, why is empty.
func (e *Endpoint) owns(r Request) (own bool, why string) {
	switch {
	case e.choose == nil || r.Method == http.MethodHead:
		return false, "" // a handler needs a goroutine anyway
	case e.gate.cfg.Conn == ResponseConn:
		return false, "the gate is configured so"
	case r.ProtoMajor != 1:
		return false, "the protocol is " + r.Proto
	case !r.CanOwn:
		return false, "its connection cannot be taken over"
	}
	return true, ""
}

// streamHead sets the head of an event stream (section 9.2.5).
func (o *Opening) streamHead() {
	o.Status, o.Streams = http.StatusOK, true
	o.Header = sendable(o.Header)
	w := o.stream.wire()
	o.Header.Set("Content-Type", w.Format.String())
	o.Header.Set("Cache-Control", "no-cache, no-transform")
	o.Header.Set("X-Accel-Buffering", "no")
	maps.Copy(o.Header, w.Header)
}

func (e *Endpoint) openOneShot(o *Opening) *Opening {
	s := o.stream
	s.mu.Lock()
	s.state = stateOneShot
	s.mu.Unlock()
	var body []byte
	events := 1
	err := s.guard("one-shot", func() error {
		ev, err := e.once(s.handshake)
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		events += s.handshake.greetings
		body, err = s.wire().oneShot(s.handshake.greeting, s.handshake.greetings, ev)
		return err
	})
	if err != nil {
		return o.refused(err)
	}
	if s.handshake.request.Method == http.MethodHead {
		return o.headOnly()
	}
	if err := s.denied(); err != nil {
		return o.refused(err)
	}
	if err := s.opened(); err != nil {
		return o.refused(err)
	}
	o.streamHead()
	o.Streams = false
	o.Body = body
	s.count(events, len(body))
	s.finish(true, ErrClosed)
	return o
}

// headOnly answers a HEAD request, and a request whose stream is closed
// already: the client of that one reconnects, as after any other closed stream.
func (o *Opening) headOnly() *Opening {
	o.streamHead()
	o.Streams = false
	o.stream.finish(false, ErrClosed)
	return o
}

// newStream returns a stream that has not passed the gate.
func (g *Gate) newStream(r *http.Request) *Stream {
	s := &Stream{
		gate:   g,
		remote: r.RemoteAddr,
		since:  time.Since(g.hub.started),
	}
	s.handshake = &Handshake{Stream: s, request: r, path: r.URL.Path, header: make(http.Header)}
	_, _ = rand.Read(s.key[:]) // rand.Read returns no error
	return s
}

// admit returns nil if the stream may open, and otherwise why not.
func (e *Endpoint) admit(o *Opening, r Request, acceptable bool) error {
	s := o.stream
	if s.gate.hub.isDraining() {
		return drainRefusal()
	}
	if !acceptable {
		return Refuse(http.StatusNotAcceptable, "This resource is an event stream: accept "+strings.Join(e.offers(), " or ")+".")
	}
	var err error
	if s.lastID, err = lastEventID(r.Request); err != nil {
		return err
	}
	if err := s.runMiddleware(); err != nil {
		return err
	}
	if e.choose != nil {
		if err := e.subscribe(o); err != nil {
			return err
		}
		if o.gap != nil && s.wire().EndOnReset {
			return &Refusal{
				Status: http.StatusGone, Message: "The events after the last event ID are gone.",
				Err: fmt.Errorf("%w: %w", ErrReset, o.gap),
			}
		}
	}
	return s.readBody(r, s.gate.cfg.MaxBody)
}

// runMiddleware runs the gate's middleware, until one refuses.
func (s *Stream) runMiddleware() error {
	for _, middleware := range s.gate.cfg.Middleware {
		if err := s.guard("middleware", func() error { return middleware(s.handshake) }); err != nil {
			return err
		}
		if err := s.denied(); err != nil {
			return err
		}
	}
	return nil
}

// denied returns the reason of a stream whose permission has ended at the gate,
// or nil.
func (s *Stream) denied() error {
	if err := s.Err(); errors.Is(err, ErrExpired) || errors.Is(err, ErrRevoked) {
		return err
	}
	return nil
}

// subscribe subscribes the stream to the channels that the endpoint chooses.
func (e *Endpoint) subscribe(o *Opening) error {
	s := o.stream
	var sub Subscription
	err := s.guard("subscription", func() error {
		var err error
		sub, err = e.choose(s.handshake)
		return err
	})
	if err != nil {
		return err
	}
	if sub.Start == Live() {
		sub.Start = s.gate.cfg.Start
	}
	if sub.After == "" {
		sub.After = s.lastID
	}
	if err = s.resumeSession(&sub); err != nil {
		return err
	}
	if err = s.permit(&sub); err != nil {
		return forbidden(err)
	}
	if s.handshake.request.Method == http.MethodHead {
		err = s.gate.hub.wouldAttach(sub)
	} else {
		h, ctx := s.gate.hub, s.handshake.request.Context()
		var attached *subscriber
		attached, o.gap, err = h.subscribe(ctx, s, sub)
		for sub.fromSession && errors.Is(err, ErrChannelGone) { // a private channel ended meanwhile
			sub.Channels = h.there(sub.Channels)
			attached, o.gap, err = h.subscribe(ctx, s, sub)
		}
		s.mu.Lock()
		s.sub = attached
		if attached != nil && len(sub.skipThrough) > 0 {
			s.ensureRare().begins = attached.begins(sub)
		}
		s.mu.Unlock()
	}
	switch {
	case errors.Is(err, ErrChannelName), errors.Is(err, ErrTooLarge):
		return &Refusal{Status: http.StatusBadRequest, Message: "No such channel name.", Err: err}
	case errors.Is(err, ErrChannelGone):
		return &Refusal{Status: http.StatusNotFound, Message: "No such channel.", Err: err}
	case errors.Is(err, ErrTooManyChannels), errors.Is(err, ErrChannelFull):
		return noRoom(err)
	case errors.Is(err, ErrStore) && s.Err() == nil:
		s.log(slog.LevelError, "history is not available", "error", err)
		return &Refusal{
			Status: http.StatusServiceUnavailable, Message: "The history of events is not available. Try again later.",
			RetryAfter: 5*time.Second + upTo(5*time.Second), Err: err,
		}
	}
	return err
}

// refused turns the opening into the answer for err.
func (o *Opening) refused(err error) *Opening {
	s := o.stream
	r := refusalOf(err)
	deliberate := errors.As(err, new(*Refusal))
	if errors.Is(err, ErrClosed) && s.Err() != nil && !deliberate && !s.handshake.answers {
		return o.headOnly()
	}
	// Normal operation is not logged: overload, a client that did not wait, a
	// hub that drains.
	failed := r.Status >= http.StatusInternalServerError && r.Status != http.StatusServiceUnavailable
	if failed && r.Err != nil && s.Err() == nil && !expected(err) {
		s.log(slog.LevelError, "stream refused", "status", r.Status, "error", r.Err)
	}
	if s.reconnects && r.temporary() {
		o.shortStream(r)
	} else {
		o.Streams = false
		o.Status = r.Status
		o.Body = r.answer(o.Header)
		o.Header = sendable(o.Header)
	}
	if s.handshake.request.Method == http.MethodHead {
		o.Body = nil
	}
	s.finish(false, r)
	return o
}

// guard calls user code, and turns a panic into an error.
func (s *Stream) guard(what string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			if v != http.ErrAbortHandler { //nolint:errorlint // A panic's value is this very one.
				s.log(slog.LevelError, "panic in "+what, "panic", v, "stack", string(debug.Stack()))
			}
			err = fmt.Errorf("%w in %s", ErrPanic, what)
		}
	}()
	return f()
}

// log writes a line about the stream. It never logs the query, which may hold
// secrets.
func (s *Stream) log(level slog.Level, msg string, args ...any) {
	about := []any{"stream", s.ID(), "remote", s.remote}
	s.mu.Lock()
	if s.handshake != nil {
		about = append(about, "path", s.handshake.path)
	}
	s.mu.Unlock()
	args = append(about, args...)
	s.gate.cfg.Logger.Log(context.Background(), level, msg, args...)
}
