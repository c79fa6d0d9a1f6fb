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
// identity of the stream. [Stream.ChannelChange] tells a middleware such a
// request from one for a stream. Then allow decides whether the stream may have
// the channels that are to be added, each named once; it is not asked about
// those to be removed. It refuses by returning an error, a [*Refusal] to choose
// the status. Before it is asked, the request is known to be in order.
//
// The statuses are 400 for what is no such object, for more than [MaxChannels]
// names in a list, for what cannot be a channel's name and for a stream that
// would have too many channels, 404 for a stream that is not there or belongs to
// somebody else and for a private channel that is gone, 405 for other methods
// than POST, 409 for a stream that the hub does not drive, 413 for a body over
// [MaxChangeBytes] or the gate's MaxBody, 415 for another Content-Type than
// application/json, which also keeps pages of other origins from asking, and 503
// with Retry-After where the hub has no room for another channel.
func (g *Gate) ChangeChannels(allow func(s *Stream, add []string) error) *Endpoint {
	if allow == nil {
		panic("tidings: ChangeChannels without a function that allows")
	}
	return &Endpoint{gate: g, allow: allow}
}

// MaxChangeBytes is how long the body of a request to [Gate.ChangeChannels] is
// at most, in bytes: enough for [MaxChannels] names to add and as many to
// remove, of [MaxChannelBytes] each, also when JSON escapes all letters that are
// not ASCII.
const MaxChangeBytes = 400 << 10

// ChannelChange says how a request to [Gate.ChangeChannels] changed the channels
// of another stream.
type ChannelChange struct {
	// Stream is the ID of the stream that is to change. It is empty until it is
	// known that there is such a stream, and that the request may change it:
	// while the middleware runs, and if the request was refused before.
	Stream string
	// Done reports that the stream's channels are those that were asked for.
	Done bool
	// Added and Removed are how many channels were added and removed. They are 0
	// until that has happened.
	Added, Removed int
}

// ChannelChange reports whether this is no request for a stream, but one to
// change the channels of a stream that is open: see [Gate.ChangeChannels]. Such
// a request passes the gate's middleware like a stream, but never opens: it is
// not counted, has none of the hub's hooks and OnOpen, and its OnClose is called
// when it was answered. The reason is then [ErrChanged], a [*Refusal], or that
// the client left or the hub closed meanwhile. A middleware that counts streams
// passes it over.
func (s *Stream) ChannelChange() (c ChannelChange, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handshake == nil || !s.handshake.change {
		return ChannelChange{}, false
	}
	return s.handshake.changed, true
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
	s.handshake.change = true
	o := &Opening{Header: s.handshake.header, stream: s}
	s.watch(r)
	channels, err := e.change(s, r)
	if err != nil {
		return o.refused(err)
	}
	o.Status = http.StatusOK
	o.Header = sendable(o.Header)
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
	// What can be said of the request by itself comes first, and costs the same
	// whether there is such a stream or not.
	ask, err := readChange(s, r)
	if err != nil {
		return nil, err
	}
	w, err := newWish(ask.Add, ask.Remove)
	if err != nil {
		return nil, changeRefusal(err)
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

// changed takes down what the request of s changes.
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

// changeRefusal returns the answer for a change that was not possible.
func changeRefusal(err error) *Refusal {
	r := &Refusal{Status: http.StatusNotFound, Message: "No such stream.", Err: err}
	switch {
	case errors.Is(err, ErrTooManyChannels):
		return tooManyChannels(err)
	case errors.Is(err, ErrChannelName), errors.Is(err, ErrTooLarge):
		r.Status, r.Message = http.StatusBadRequest, "No such channel name, or too many channels."
	case errors.Is(err, ErrChannelGone):
		r.Message = "No such channel."
	case errors.Is(err, ErrNotSubscribed):
		r.Status, r.Message = http.StatusConflict, "The stream is not subscribed to channels."
	}
	return r
}
