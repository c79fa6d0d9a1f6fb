package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
)

// ChangeChannels returns an endpoint that is no stream: clients POST to it what
// is to change about the channels of a stream that they have open, since a
// browser's EventSource can only read, and a browser opens six connections to a
// host at most. The request's body is a JSON object with the members stream
// (the stream's ID, which the endpoint of the stream must have told: send it in
// a SubscribeFunc), add and remove (lists of channels, which may be missing).
// The answer is a JSON object with the member channels: those that the stream
// then has.
//
// The gate's middleware runs, as for a stream: whoever asks must have the
// identity of the stream. Then allow decides whether the stream may have the
// channels that are to be added; it is not asked about those to be removed. It
// refuses by returning an error, a [*Refusal] to choose the status.
//
// The statuses are 400 for what is no such object or names no channels, 404 for
// a stream that is not there or belongs to somebody else and for a private
// channel that is gone, 405 for other methods than POST, 409 for a stream that
// the hub does not drive, 413 for a body over the gate's MaxBody, and 415 for
// another Content-Type than application/json, which also keeps pages of other
// origins from asking.
func (g *Gate) ChangeChannels(allow func(s *Stream, add []string) error) *Endpoint {
	if allow == nil {
		panic("tidings: ChangeChannels without a function that allows")
	}
	return &Endpoint{gate: g, allow: allow}
}

// changeRequest is the body of a request to change a stream's channels.
type changeRequest struct {
	Stream string   `json:"stream"`
	Add    []string `json:"add"`
	Remove []string `json:"remove"`
}

// openChange answers a request to change another stream's channels.
func (e *Endpoint) openChange(r Request) *Opening {
	s := e.gate.newStream(r.Request)
	s.arrival.change = true
	o := &Opening{Header: s.arrival.header, stream: s}
	s.watch(r)
	channels, err := e.change(s, r)
	if err != nil {
		return o.refused(err)
	}
	o.Status = http.StatusOK
	o.Header.Set("Content-Type", "application/json")
	o.Header.Set("Cache-Control", "no-store")
	// Names are UTF-8: they can be encoded.
	o.Body, _ = json.Marshal(map[string][]string{"channels": channels})
	s.finish(false, ErrChanged)
	return o
}

// change changes the channels of the stream that the request of s is about, and
// returns what they are then.
func (e *Endpoint) change(s *Stream, r Request) ([]string, error) {
	if r.Method != http.MethodPost {
		return nil, &Refusal{Status: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {http.MethodPost}}}
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, Refuse(http.StatusUnsupportedMediaType, "Send application/json.")
	}
	if err := s.runMiddleware(); err != nil {
		return nil, err
	}
	ask, err := readChange(s, r)
	if err != nil {
		return nil, err
	}
	target := s.gate.hub.Stream(ask.Stream)
	if target == nil || target.Identity() != s.Identity() {
		return nil, Refuse(http.StatusNotFound, "No such stream.")
	}
	if len(ask.Add) > 0 {
		if err := s.guard("permission", func() error { return e.allow(target, ask.Add) }); err != nil {
			return nil, err
		}
	}
	if err := target.ChangeChannels(ask.Add, ask.Remove); err != nil {
		return nil, changeRefusal(err)
	}
	channels := target.Channels()
	if channels == nil {
		channels = []string{}
	}
	return channels, nil
}

// readChange reads the request's body.
func readChange(s *Stream, r Request) (changeRequest, error) {
	var ask changeRequest
	if err := s.readBody(r, s.gate.cfg.MaxBody); err != nil {
		return ask, err
	}
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body) // it is in memory
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&ask)
	if err == nil && decoder.Decode(new(json.RawMessage)) != io.EOF {
		err = errors.New("more than one value")
	}
	if err == nil && ask.Stream == "" {
		err = errors.New("no stream named")
	}
	if err != nil {
		return ask, &Refusal{
			Status:  http.StatusBadRequest,
			Message: `Send an object like {"stream": "ID", "add": ["channel"], "remove": ["channel"]}.`, Err: err,
		}
	}
	return ask, nil
}

// changeRefusal returns the answer for a change that was not possible.
func changeRefusal(err error) *Refusal {
	r := &Refusal{Status: http.StatusNotFound, Message: "No such stream.", Err: err}
	switch {
	case errors.Is(err, ErrChannelName), errors.Is(err, ErrTooLarge):
		r.Status, r.Message = http.StatusBadRequest, "No such channel name, or too many channels."
	case errors.Is(err, ErrChannelGone):
		r.Message = "No such channel."
	case errors.Is(err, ErrNotSubscribed):
		r.Status, r.Message = http.StatusConflict, "The stream is not subscribed to channels."
	}
	return r
}
