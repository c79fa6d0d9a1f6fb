// Package ssetest serves endpoints on loopback and reads their streams, for the
// tests of core and for the suite of adapters.
package ssetest

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// Timeout is the value of all timeouts of a fixture's server, unless the test
// sets another. A stream must outlive them.
const Timeout = time.Second

// Env says how the endpoints of a fixture are served.
type Env struct {
	Adapter   Adapter
	Transport Transport
	// Conn is the mode of subscriptions: [core.AutoConn] or [core.ResponseConn].
	Conn core.ConnMode
}

// String returns the name of the environment.
func (e Env) String() string {
	if e.Transport.HTTP1() && e.Conn == core.ResponseConn {
		return string(e.Transport) + " response"
	}
	return string(e.Transport)
}

// Owned reports whether all subscriptions run on hijacked connections.
func (e Env) Owned() bool { return e.Transport.HTTP1() && e.Conn == core.AutoConn }

// Fixture is a hub, its gates and a server.
type Fixture struct {
	Env

	Hub *core.Hub
	Log *Log // of all gates
	// Closes receives the summary of every stream that ends or is refused.
	Closes chan core.Summary
	// Opened receives every stream that opens, as long as there is room.
	Opened chan *core.Stream
	// Timeout is the value of all timeouts of the server.
	Timeout time.Duration
	// SendBuffer is the size of the send buffer of the server's sockets, in
	// bytes. Default: the system's.
	SendBuffer int
	// Addr is where the server listens. Default: at a free port of the loopback,
	// which Addr names once the server was started.
	Addr string

	routes   []Route
	shutdown func(context.Context) error
}

// New returns a fixture whose hub is closed when the test ends. Its server has
// not been started.
func New(tb testing.TB, e Env, cfg core.HubConfig) *Fixture {
	tb.Helper()
	f := Of(e, core.NewHub(cfg))
	tb.Cleanup(func() {
		if err := f.Hub.Close(); err != nil {
			tb.Errorf("closing the hub: %v", err)
		}
	})
	return f
}

// Of is New for a hub that there is.
func Of(e Env, hub *core.Hub) *Fixture {
	return &Fixture{
		Env: e, Hub: hub, Log: &Log{}, Timeout: Timeout,
		Closes: make(chan core.Summary, 1<<14), Opened: make(chan *core.Stream, 1<<10),
	}
}

// Gate returns a gate to the fixture's hub, in the fixture's mode. By default,
// it sends no heartbeats and has a write timeout of [Patience].
func (f *Fixture) Gate(cfg core.GateConfig) *core.Gate {
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = -1
	}
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = Patience
	}
	if cfg.Conn = f.Conn; f.Owned() {
		cfg.Conn = core.OwnedConn // AutoConn would allow responses
	}
	cfg.Logger = slog.New(slog.NewTextHandler(f.Log, nil))
	cfg.Middleware = append([]core.Middleware{f.record}, cfg.Middleware...)
	return core.NewGate(f.Hub, cfg)
}

func (f *Fixture) record(s *core.Handshake) error {
	s.OnClose(func(sum core.Summary) { f.Closes <- sum })
	s.OnOpen(func() {
		select {
		case f.Opened <- s.Stream:
		default: // the test does not look at them
		}
	})
	return nil
}

// Get routes GET requests to an endpoint.
func (f *Fixture) Get(path string, endpoint *core.Endpoint) {
	f.routes = append(f.routes, Route{http.MethodGet, path, endpoint})
}

// Post routes POST requests to an endpoint.
func (f *Fixture) Post(path string, endpoint *core.Endpoint) {
	f.routes = append(f.routes, Route{http.MethodPost, path, endpoint})
}

// Start serves the routes until the test ends, or until Stop is called.
func (f *Fixture) Start(tb testing.TB) {
	tb.Helper()
	var lc net.ListenConfig
	if f.SendBuffer > 0 {
		lc.Control = func(_, _ string, c rawConn) error { return setSendBuffer(c, f.SendBuffer) }
	}
	ln, err := lc.Listen(tb.Context(), "tcp4", cmp.Or(f.Addr, "127.0.0.1:0"))
	if err != nil {
		tb.Fatalf("listen: %v", err)
	}
	f.Addr = ln.Addr().String()
	site := Site{
		Listener: ln, Protocols: f.Transport.protocols(true),
		ReadTimeout: f.Timeout, WriteTimeout: f.Timeout, IdleTimeout: f.Timeout,
		Routes: f.routes,
	}
	if f.Transport.Secure() {
		site.TLS = serverTLS(tb)
	}
	f.shutdown = f.Adapter.Start(tb, site)
	tb.Cleanup(func() {
		if f.shutdown != nil {
			f.Stop(tb)
		}
	})
}

// Stop shuts the server down. It does not tell the hub.
func (f *Fixture) Stop(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	shutdown := f.shutdown
	f.shutdown = nil
	if err := shutdown(ctx); err != nil {
		tb.Errorf("the server's shutdown: got %v, want no error within %v", err, Patience)
	}
}

// Connect opens a stream with a new client, and returns both of its ends. The
// prelude was read: the time to reconnect, and a comment.
func (f *Fixture) Connect(tb testing.TB, path string, header ...string) (*core.Stream, *Reply) {
	tb.Helper()
	r := f.Client(tb).Open(tb, path, header...)
	r.Prelude(tb)
	return Receive(tb, f.Opened, "stream that opened"), r
}

// Closed returns the summary of the next stream that ends.
func (f *Fixture) Closed(tb testing.TB) core.Summary {
	tb.Helper()
	return Receive(tb, f.Closes, "end of a stream")
}

// Empty waits until the hub counts no stream.
func (f *Fixture) Empty(tb testing.TB) {
	tb.Helper()
	f.Streams(tb, 0)
}

// Streams waits until the hub counts this many streams.
func (f *Fixture) Streams(tb testing.TB, want int) {
	tb.Helper()
	Eventually(tb, "open streams", want, func() int { return f.Hub.Stats().Streams })
}

// Publish publishes events to a channel, and returns their IDs.
func (f *Fixture) Publish(tb testing.TB, channel string, events ...core.Event) []string {
	tb.Helper()
	return f.PublishTo(tb, channel, core.Audience{}, events...)
}

// PublishTo publishes events to an audience, and returns their IDs.
func (f *Fixture) PublishTo(tb testing.TB, channel string, to core.Audience, events ...core.Event) []string {
	tb.Helper()
	ids := make([]string, len(events))
	for i, ev := range events {
		id, err := f.Hub.Publish(tb.Context(), channel, ev, core.Only(to))
		if err != nil {
			tb.Fatalf("publish to %s, %q: %v", channel, to, err)
		}
		ids[i] = id
	}
	return ids
}

// Membership is a middleware that sets a stream's identity and groups to those
// of its request's query: user and group. With quiet, a filter leaves out events
// with the name loud.
func Membership(s *core.Handshake) error {
	q := s.Request().URL.Query()
	s.SetIdentity(q.Get("user"))
	if q.Has("quiet") {
		s.SetFilter(func(d core.Delivery) bool { return d.Name != "loud" })
	}
	return s.Join(q["group"]...)
}
