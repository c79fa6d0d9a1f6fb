package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Client is an EventSource: it reads events from one URL, and reconnects when it
// loses its connection. It has no goroutine of its own. A run of it is a call of
// [Client.Run] or a loop over [Client.Events]. Runs may follow each other, and each
// resumes where the one before has ended; there is only one at a time.
//
// Its methods are safe for concurrent use.
type Client struct {
	cfg         Config
	url         *url.URL
	origin      string        // scheme and host, which errors may name
	headTimeout time.Duration // none if 0

	mu      sync.Mutex
	closed  bool
	running bool
	restart bool // was asked for, and there was no attempt since
	// stop ends the run, and interrupt what it does at the moment.
	stop, interrupt context.CancelCauseFunc
	lastID          string
	retry           time.Duration // what the server has set, or Backoff.Delay
}

// New returns a client; a run of it connects. It returns an error for an invalid
// config; the error does not contain the URL. The config is copied, including its
// strings, which may thus be those of a Fiber context.
func New(cfg Config) (*Client, error) {
	c := &Client{}
	if cfg.HTTPClient != nil {
		c.headTimeout = cfg.HTTPClient.Timeout
	}
	var err error
	if c.cfg, err = cfg.prepared(); err != nil {
		return nil, err
	}
	c.lastID, c.retry = c.cfg.LastEventID, c.cfg.Backoff.Delay
	// What the parser says may quote a password.
	if c.url, err = url.Parse(c.cfg.URL); err != nil {
		return nil, errors.New("tidings: client: URL is not valid")
	}
	if (c.url.Scheme != "http" && c.url.Scheme != "https") || c.url.Hostname() == "" {
		return nil, errors.New("tidings: client: URL is not one of http or https with a host")
	}
	c.url.Fragment, c.url.RawFragment = "", ""
	c.origin = c.url.Scheme + "://" + c.url.Host
	if !validName(c.cfg.Method) || c.cfg.Method == http.MethodConnect {
		return nil, errors.New("tidings: client: method is not valid")
	}
	return c, nil
}

// Close ends the client: a run in progress ends, and further runs end at once. It
// does not wait for the server or for handlers, and may be called from a handler,
// from the body of a loop, and from any goroutine. The connection is closed when
// Run has returned or the loop has ended. Close is idempotent and returns nil.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.stop != nil {
		c.stop(ErrClosed)
	}
	return nil
}

// Restart closes the connection and connects again at once, for example after a
// change of the network, or with a new token. The client receives the events that
// it missed if the server replays them. A restart is no failure: [Handlers].Reconnect
// is called, and Error is not. Restart does not block, and may be called from
// handlers and from any goroutine. Without a run in progress it does nothing.
func (c *Client) Restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.restart = c.running
	if c.interrupt != nil {
		c.interrupt(ErrRestart)
	}
}

// begin makes this the client's run, until the function that it returns is
// called. The context ends with ctx and with Close.
func (c *Client) begin(ctx context.Context) (context.Context, func(), error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running {
		return nil, nil, ErrRunning
	}
	ctx, stop := context.WithCancelCause(ctx)
	if c.closed {
		stop(ErrClosed)
	}
	c.running, c.restart, c.stop = true, false, stop
	return ctx, sync.OnceFunc(func() { // the second call could come within the next run
		stop(ErrClosed)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.running, c.restart, c.stop, c.interrupt = false, false, nil, nil
	}), nil
}

// phase begins a part of a run, which Restart interrupts. It ends when the next
// one begins, or when the function that it returns is called. An attempt is
// what a restart asks for; a wait is over at once if one was asked for before.
func (c *Client) phase(ctx context.Context, attempt bool) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if attempt {
		c.restart = false
	}
	if c.restart {
		cancel(ErrRestart)
	}
	c.interrupt = cancel
	return ctx, cancel
}

// reconnectAfter takes note of the reconnection time that the server has set,
// within the limits of Backoff.
func (c *Client) reconnectAfter(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.retry = d
}

// reconnectionTime returns the one that applies (section 9.2.2).
func (c *Client) reconnectionTime() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.retry
}
