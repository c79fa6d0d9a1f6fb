package client

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// Config says what a [Client] connects to, and how. Only URL is needed.
type Config struct {
	// URL is where the stream is, http or https. Every attempt begins here,
	// wherever redirects have led before.
	URL string
	// Method is the HTTP method. Default: GET, or POST if there is a body.
	Method string
	// Header is added to every request, and replaces what the client would
	// send: Accept and Cache-Control. Redirects to another origin do not take
	// secrets along: see the package's documentation. Default: none.
	Header http.Header
	// Body is sent with every attempt. Default: none.
	Body []byte
	// GetBody returns the body for one attempt, or for one redirect, and is for
	// bodies that are not in memory. It is sent in chunks, unless BeforeRequest
	// sets a ContentLength. Default: none; not both this and Body.
	GetBody func() (io.ReadCloser, error)
	// BeforeRequest is called before every attempt with the request that is
	// about to be sent, and may change it: to bring a fresh token, say. It is
	// not called for redirects. If it returns an error, the attempt has failed
	// with it. It should heed the request's context. Default: none.
	BeforeRequest func(*http.Request) error
	// HTTPClient sends the requests. It brings proxies, TLS and cookies, and its
	// CheckRedirect says which redirects are followed. Its Timeout limits the
	// wait for the head of each answer, not the stream. It is copied; its
	// transport is shared, and keeps idle connections until they are closed
	// there. Default: [http.DefaultClient], and at most 20 redirects.
	HTTPClient *http.Client

	// LastEventID is what the first attempt resumes after: what
	// [Client.LastEventID] has returned, say. One that cannot be sent is an error
	// of [New]. Default: none.
	LastEventID string
	// LastEventIDParam is the name of a query parameter that carries the last
	// event ID as well, once there is one, for servers that want it there. Which
	// IDs can be sent depends on it: see the package's documentation.
	// Default: none.
	LastEventIDParam string

	// Backoff says when to reconnect, and when to give up.
	Backoff Backoff
	// RetryStatus reports whether to reconnect after an answer of that status,
	// and not to give up: [TemporaryStatus] does for most. It is not asked about
	// 200 and 204. Default: never, as the standard has it (section 9.2.3), so
	// that a server can turn a program away as it can a browser.
	RetryStatus func(status int) bool
	// OneShot makes the client connect once: the stream ends where the server
	// ends it, and whatever goes wrong is the end. It is for streams that answer
	// a question, a language model's say. Default: reconnect.
	OneShot bool
	// Terminator is the data of the event that ends the stream in order:
	// "[DONE]" in many APIs of language models. That event is not passed on.
	// With OneShot, a stream that ends without it is broken. The server has
	// 200 ms to end the stream after it, for its connection to be used again.
	// Default: none.
	Terminator string

	// IdleTimeout is how long the server may send nothing, comments included,
	// before the connection counts as dead. It applies to the wait for the head
	// of an answer, too; the time that handlers and loops take does not count.
	// Three times the server's heartbeat is a good value: 45 s for Tidings.
	// Default: none, since not every server sends heartbeats.
	IdleTimeout time.Duration
	// MaxEvent limits the data of one event, and MaxLine a line, in bytes: with
	// both, memory is bounded whatever a server sends. What the standard ignores
	// has any length; a comment longer than MaxLine is not passed on: see
	// [core.DecoderConfig]. Defaults: 16 MiB for an event, and for a line what
	// that takes.
	MaxLine, MaxEvent int

	// Handlers are told what happens.
	Handlers Handlers
}

// TemporaryStatus reports whether a status says that the same request may
// succeed later: 408, 425, 429, 500, 502, 503 and 504. It is for
// Config.RetryStatus. A Retry-After in the answer is kept to.
func TemporaryStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// prepared returns a copy of the config in which defaults stand where nothing
// was set, and which shares nothing with it that a caller could change.
func (cfg Config) prepared() (Config, error) {
	for _, text := range []*string{&cfg.URL, &cfg.Method, &cfg.LastEventID, &cfg.LastEventIDParam, &cfg.Terminator} {
		*text = strings.Clone(*text)
	}
	cfg.Header = cloneHeader(cfg.Header)
	if cfg.Body != nil {
		if cfg.GetBody != nil {
			return cfg, errors.New("tidings: client: both Body and GetBody")
		}
		cfg.Body = bytes.Clone(cfg.Body)
	}
	if cfg.Method == "" {
		cfg.Method = http.MethodGet
		if cfg.Body != nil || cfg.GetBody != nil {
			cfg.Method = http.MethodPost
		}
	}
	cfg.HTTPClient = redirecting(cfg.HTTPClient)
	cfg.Backoff = cfg.Backoff.prepared()
	cfg.Handlers = cfg.Handlers.prepared()
	if err := checkHeader(cfg.Header); err != nil {
		return cfg, err
	}
	return cfg, cfg.checkLastEventID()
}
