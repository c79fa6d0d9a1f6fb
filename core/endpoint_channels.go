package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
)

// ChangeChannels returns an endpoint that changes the channels of open streams.
// A browser's EventSource can only read, and a browser opens at most six
// connections to a host, so clients POST changes here. The request's body is a
// JSON object with the members stream (the stream's ID, which the stream must
// have told its client: send it in a SubscribeFunc), add and remove (lists of
// channels, which may be missing). The answer is a JSON object with the member
// channels: those that the stream then has.
//
// The gate's middleware runs, as for a stream: the request must have the
// identity of the stream. [Handshake.ChannelChange] tells a middleware such a
// request from one for a stream. Then allow decides whether the stream may have
// the channels to be added, each named once; it is not asked about those to be
// removed. It refuses by returning an error, a [*Refusal] to choose the status.
// The request is checked before allow is asked. ChangeChannels panics if allow
// is nil.
//
// The statuses of a refusal are:
//
//   - 400: the body is no such object, a list has more than [MaxChannels] names,
//     a name is not valid for a channel, or the stream would have too many
//   - 403: the rights of the request, or of the stream, do not allow a channel to
//     be added: see [Stream.Restrict]
//   - 404: there is no such stream, it has another identity, or a private channel
//     is gone
//   - 405: the method is not POST
//   - 409: the hub does not drive the stream
//   - 413: the body is over [MaxChangeBytes] or the gate's MaxBody
//   - 415: the Content-Type is not application/json, which also keeps pages of
//     other origins from asking
//   - 503, with Retry-After: the hub has no room for another channel
func (g *Gate) ChangeChannels(allow func(s *Stream, add []string) error) *Endpoint {
	if allow == nil {
		panic("tidings: ChangeChannels without a function that allows")
	}
	e := &Endpoint{gate: g, allow: allow}
	e.answer = e.answerChange
	return e
}

// MaxChangeBytes is the maximum length of the body of a request to
// [Gate.ChangeChannels], in bytes: enough for [MaxChannels] names to add and as
// many to remove, of [MaxChannelBytes] each, also when JSON escapes all letters
// that are not ASCII.
const MaxChangeBytes = 400 << 10

// ChannelChange describes how a request to [Gate.ChangeChannels] changed the
// channels of another stream.
type ChannelChange struct {
	// Stream is the ID of the stream to change. It is empty until core has
	// found the stream and checked its identity: while the middleware runs, and
	// if the request was refused before.
	Stream string
	// Done reports that the change was made.
	Done bool
	// Added and Removed are the numbers of channels that were added and
	// removed, 0 until Done.
	Added, Removed int
}

// changeRequest is the body of a request to change a stream's channels.
type changeRequest struct {
	Stream string   `json:"stream"`
	Add    []string `json:"add"`
	Remove []string `json:"remove"`
}

// answerChange changes the channels of another stream, as the request of h asks.
func (e *Endpoint) answerChange(h *Handshake, r Request) (any, error) {
	channels, err := e.change(h.Stream, r)
	return map[string][]string{"channels": channels}, err
}

// change makes the change that the request of s asks for, and returns the
// channels that the other stream then has.
func (e *Endpoint) change(s *Stream, r Request) ([]string, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, Refuse(http.StatusUnsupportedMediaType, "Send application/json.")
	}
	if err := s.runMiddleware(); err != nil {
		return nil, err
	}
	// Checks of the request alone come first. They cost the same whether or not
	// there is such a stream.
	ask, err := readChange(s, r)
	if err != nil {
		return nil, err
	}
	w, err := newWish(ask.Add, ask.Remove)
	if err != nil {
		return nil, changeRefusal(err)
	}
	if err = s.permit(&Subscription{Channels: w.add}); err != nil {
		return nil, forbidden(err)
	}
	target := s.gate.hub.Stream(ask.Stream)
	if target == nil || target.Identity() != s.Identity() {
		return nil, Refuse(http.StatusNotFound, "No such stream.")
	}
	done := ChannelChange{Stream: target.ID()}
	s.changed(done)
	if len(w.add) > 0 {
		if err = s.guard("permission", func() error { return e.allow(target, slices.Clone(w.add)) }); err != nil {
			return nil, err
		}
	}
	if done, err = target.change(w); err != nil {
		return nil, changeRefusal(err)
	}
	done.Stream, done.Done = target.ID(), true
	s.changed(done)
	channels := target.Channels()
	if channels == nil {
		channels = []string{}
	}
	return channels, nil
}

// changed records what the request of s has changed.
func (s *Stream) changed(c ChannelChange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handshake.changed = c
}

// readChange reads the request's body.
func readChange(s *Stream, r Request) (changeRequest, error) {
	var ask changeRequest
	if err := s.readBody(r, min(s.gate.cfg.MaxBody, MaxChangeBytes)); err != nil {
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

// changeRefusal returns the answer to a change that failed.
func changeRefusal(err error) *Refusal {
	r := &Refusal{Status: http.StatusNotFound, Message: "No such stream.", Err: err}
	switch {
	case errors.Is(err, ErrTooManyChannels), errors.Is(err, ErrChannelFull):
		return noRoom(err)
	case errors.Is(err, ErrForbidden):
		return forbidden(err)
	case errors.Is(err, ErrChannelName), errors.Is(err, ErrTooLarge):
		r.Status, r.Message = http.StatusBadRequest, "No such channel name, or too many channels."
	case errors.Is(err, ErrChannelGone):
		r.Message = "No such channel."
	case errors.Is(err, ErrNotSubscribed):
		r.Status, r.Message = http.StatusConflict, "The stream is not subscribed to channels."
	}
	return r
}
