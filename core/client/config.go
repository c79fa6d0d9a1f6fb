package client

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// Config configures a [Client]. Only URL is required.
type Config struct {
	// URL is the address of the stream, http or https. Every attempt begins here,
	// also after redirects.
	URL string
	// Method is the HTTP method. Default: GET, or POST if there is a body.
	Method string
	// Header holds header fields of every request. They replace those that the
	// client sends by itself, Accept and Cache-Control. After a redirect to another
	// origin, most are not sent: see the section Secrets of the package. Default:
	// none.
	Header http.Header
	// Body is sent with every attempt. Default: none.
	Body []byte
	// GetBody returns the body for one attempt or one redirect, for bodies that are
	// not in memory. It is sent in chunks, unless BeforeRequest sets a
	// ContentLength. Set this or Body, not both. Default: none.
	GetBody func() (io.ReadCloser, error)
	// BeforeRequest is called before every attempt with the request that is about to
	// be sent, and may change it, for example to set a new token. It is not called
	// for redirects. If it returns an error, the attempt fails with that error. It
	// may block, but should return when the request's context ends. Default: none.
	BeforeRequest func(*http.Request) error
	// HTTPClient sends the requests. It has the settings for proxies, TLS and
	// cookies, and its CheckRedirect says which redirects are followed. Its Timeout
	// limits the wait for the head of each response, not the stream. It is copied;
	// its transport is shared, and keeps idle connections. Default:
	// [http.DefaultClient], and at most 20 redirects.
	HTTPClient *http.Client

	// LastEventID is the ID to resume after at the first attempt, for example one
	// that [Client.LastEventID] returned. [New] returns an error for one that cannot
	// be sent. Default: none.
	LastEventID string
	// LastEventIDParam is the name of a query parameter that also holds the last
	// event ID, for servers that expect it there. Which IDs can be sent depends on
	// it: see the section about event IDs of the package. Default: none.
	LastEventIDParam string

	// Backoff says when to reconnect and when to give up.
	Backoff Backoff
	// RetryStatus reports whether to reconnect after a response with that status,
	// instead of giving up: [TemporaryStatus] suits most programs. It is not called
	// for 200 and 204. Default: never, as the standard demands (section 9.2.3), so
	// that a server can reject a program as it can reject a browser.
	RetryStatus func(status int) bool
	// OneShot makes the client connect only once: the run ends with the stream, and
	// with any error. It is for streams that are the answer to a request, for example
	// of a language model. Default: false, the client reconnects.
	OneShot bool
	// Terminator is the data of the event that ends the stream in order:
	// "[DONE]" in many APIs of language models. That event is not delivered. With
	// OneShot, it is an error if the stream ends without it. If the server ends the
	// stream within 200 ms after it, the connection can be used again. Default:
	// none.
	Terminator string

	// IdleTimeout is how long the server may send nothing, not even a comment,
	// before the client reconnects with [ErrIdle]. It applies to the wait for the
	// head of a response, too; the time that handlers and loops take does not count.
	// Three times the server's heartbeat is a good value: 45 s for Tidings. Default:
	// no bound, since not every server sends heartbeats.
	IdleTimeout time.Duration
	// MaxEvent bounds the data of one event, and MaxLine one line, in bytes. Both
	// together bound the memory that a server can make the client use. Lines that
	// the standard ignores may have any length; a comment longer than MaxLine is not
	// delivered: see [core.DecoderConfig]. Default: 16 MiB for an event, and for a
	// line as much as such an event takes.
	MaxLine, MaxEvent int

	// Handlers are called for events, errors and changes of the connection.
	Handlers Handlers
}

// TemporaryStatus reports whether a status says that the same request may succeed
// later: 408, 425, 429, 500, 502, 503 and 504. It is a value for the RetryStatus
// of a [Config]. The client waits for at least the Retry-After of the response,
// up to MaxServerDelay of [Backoff].
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
