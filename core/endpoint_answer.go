package core

import (
	"encoding/json"
	"net/http"
)

// Answer returns an endpoint that opens no stream: it answers POST requests with
// the value that answer returns, in JSON, with status 200. The gate's middleware
// runs first, as for a stream; [Handshake.OpensStream] tells the difference. An
// error refuses the request as it refuses a stream, but never with a short
// stream. The request's body is held in memory, see MaxBody of [GateConfig]; a
// request with another method is refused with 405. Answer panics if answer is
// nil.
func (g *Gate) Answer(answer func(h *Handshake) (any, error)) *Endpoint {
	if answer == nil {
		panic("tidings: an endpoint without an answer")
	}
	return &Endpoint{gate: g, answer: func(h *Handshake, r Request) (v any, err error) {
		if err = h.runMiddleware(); err != nil {
			return nil, err
		}
		if err = h.readBody(r, g.cfg.MaxBody); err != nil {
			return nil, err
		}
		err = h.guard("answer", func() error { v, err = answer(h); return err })
		return v, err
	}}
}

// OpensStream reports whether the request is for a stream: not for an
// [Gate.Answer], nor to change the channels of a stream. A middleware that counts
// streams should ignore other requests.
func (h *Handshake) OpensStream() bool { return !h.answers }

// openAnswer answers a request that opens no stream.
func (e *Endpoint) openAnswer(r Request) *Opening {
	s := e.gate.newStream(r.Request)
	s.handshake.change, s.handshake.answers, s.reconnects = e.allow != nil, true, false
	o := &Opening{Header: s.handshake.header, stream: s}
	s.watch(r)
	if r.Method != http.MethodPost {
		return o.refused(&Refusal{Status: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {http.MethodPost}}})
	}
	v, err := e.answer(s.handshake, r)
	if err == nil {
		o.Body, err = json.Marshal(v)
	}
	if err != nil {
		return o.refused(err)
	}
	o.Status = http.StatusOK
	o.Header = sendable(o.Header)
	o.Header.Set("Content-Type", "application/json")
	o.Header.Set("Cache-Control", "no-store")
	reason := ErrClosed
	if s.handshake.change {
		reason = ErrChanged
	}
	s.finish(false, reason)
	return o
}
