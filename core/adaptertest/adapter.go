// Package adaptertest is the suite that every adapter of Tidings passes: it
// starts real servers, and looks at them through sockets only.
package adaptertest

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// Transport is how client and server talk.
type Transport string

// The transports that an adapter may support.
const (
	// Plain is HTTP/1 over TCP.
	Plain Transport = "plain"
	// TLS is HTTP/1 over TLS.
	TLS Transport = "tls"
	// HTTP2 is HTTP/2 over TLS.
	HTTP2 Transport = "http2"
	// H2C is HTTP/2 over TCP, with prior knowledge.
	H2C Transport = "h2c"
)

// timeout is the value of all timeouts of the servers under test. A stream
// must outlive them.
const timeout = time.Second

// Adapter tells the suite how to serve endpoints with a framework.
type Adapter struct {
	// Transports are those to run the suite in.
	Transports []Transport
	// Start serves a site, and returns once it does or is about to. The
	// returned function shuts the server down as a program would that knows
	// nothing of streams; it returns an error if that took longer than the
	// context, and then stops the server by force.
	Start func(tb testing.TB, site Site) (shutdown func(context.Context) error)
}

// Site is what an adapter is to serve. In front of all routes stand the
// framework's own middleware for CORS, which allows every origin; for request
// IDs, which sends the request's X-Request-Id back; one that sets the cookie
// framework=1; and for panics.
type Site struct {
	// Listener is where to listen. The server closes it.
	Listener net.Listener
	// TLS is the configuration of a server with TLS, otherwise nil.
	TLS *tls.Config
	// Protocols are what a server of net/http is to speak.
	Protocols *http.Protocols
	// ReadTimeout, WriteTimeout and IdleTimeout are the server's timeouts.
	ReadTimeout, WriteTimeout, IdleTimeout time.Duration
	// Routes are what to serve.
	Routes []Route
}

// Route is one endpoint of a site.
type Route struct {
	// Method is the HTTP method. A route for GET also serves HEAD.
	Method string
	// Path is the route's path, with parameters like "/things/{id}".
	Path string
	// Endpoint is what to serve there.
	Endpoint *core.Endpoint
}

// Colons returns a path with its parameters written like "/things/:id".
func Colons(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// Run has an adapter pass the suite, in one transport after the other. Where
// connections can be taken over, it passes twice: with and without.
func Run(t *testing.T, adapter Adapter) {
	t.Helper()
	for _, transport := range adapter.Transports {
		e := env{adapter: adapter, transport: transport}
		t.Run(string(transport), func(t *testing.T) { run(t, e) })
		if transport.http1() {
			e.conn = core.ResponseConn
			t.Run(string(transport)+" response", func(t *testing.T) { run(t, e) })
		}
	}
}

func run(t *testing.T, e env) {
	t.Helper()
	t.Run("Warm", func(t *testing.T) { warm(t, e) })
	for _, c := range cases() {
		if c.only != nil && !c.only(e.transport) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			if !c.alone {
				t.Parallel()
			}
			c.run(t, e)
		})
	}
}

// warm serves a request, so that what a framework starts once and for all runs
// before goroutines are counted.
func warm(t *testing.T, e env) {
	t.Helper()
	b := newBed(t, e, core.HubConfig{})
	b.get("/", b.gate(core.GateConfig{}).Handle(func(*core.Sender) error { return nil }))
	b.start(t)
	b.client(t).open(t, "/").wantEnd(t)
}

// test is one of the suite's.
type test struct {
	name string
	run  func(t *testing.T, e env)
	// only reports whether the test is of use in a transport; nil: in all.
	only func(Transport) bool
	// alone says that no other test may run meanwhile.
	alone bool
}

// env is what a test runs in.
type env struct {
	adapter   Adapter
	transport Transport
	conn      core.ConnMode
	mixed     bool // some clients speak what no connection can be owned with
}

// owns reports whether subscriptions own their connections.
func (e env) owns() bool { return e.transport.http1() && e.conn == core.AutoConn && !e.mixed }

func (tr Transport) http1() bool { return tr == Plain || tr == TLS }

func (tr Transport) secure() bool { return tr == TLS || tr == HTTP2 }

func isPlain(tr Transport) bool { return tr == Plain }

func isHTTP1(tr Transport) bool { return tr.http1() }

// bed is a hub, its gates and a server: each test has its own.
type bed struct {
	env

	hub     *core.Hub
	log     *logbook
	closes  chan core.Summary // of every stream that ends or is refused
	timeout time.Duration     // of the server
	// sendBuffer is how much the server's sockets buffer; 0 means as usual.
	sendBuffer int
	routes     []Route
	addr       string
	shutdown   func(context.Context) error
}

func newBed(tb testing.TB, e env, cfg core.HubConfig) *bed {
	tb.Helper()
	b := &bed{
		env: e, hub: core.NewHub(cfg), log: &logbook{}, timeout: timeout,
		closes: make(chan core.Summary, 1<<14),
	}
	tb.Cleanup(func() {
		if err := b.hub.Close(); err != nil {
			tb.Errorf("closing the hub: %v", err)
		}
	})
	return b
}

// gate returns a gate to the bed's hub. Its heartbeats are off, if cfg does not
// say how often they are to come.
func (b *bed) gate(cfg core.GateConfig) *core.Gate {
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = -1
	}
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = patience
	}
	if cfg.Conn = b.conn; b.owns() {
		cfg.Conn = core.OwnedConn // nothing less
	}
	cfg.Logger = slog.New(slog.NewTextHandler(b.log, nil))
	cfg.Middleware = append([]core.Middleware{b.record}, cfg.Middleware...)
	return core.NewGate(b.hub, cfg)
}

func (b *bed) record(s *core.Handshake) error {
	s.OnClose(func(sum core.Summary) { b.closes <- sum })
	return nil
}

func (b *bed) get(path string, endpoint *core.Endpoint) {
	b.routes = append(b.routes, Route{http.MethodGet, path, endpoint})
}

func (b *bed) post(path string, endpoint *core.Endpoint) {
	b.routes = append(b.routes, Route{http.MethodPost, path, endpoint})
}

// start serves what was routed until the test ends, or until stop is called.
func (b *bed) start(tb testing.TB) {
	tb.Helper()
	var lc net.ListenConfig
	if b.sendBuffer > 0 {
		lc.Control = func(_, _ string, c rawConn) error { return buffer(c, b.sendBuffer, true) }
	}
	ln, err := lc.Listen(tb.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen: %v", err)
	}
	b.addr = ln.Addr().String()
	site := Site{
		Listener: ln, Protocols: &http.Protocols{},
		ReadTimeout: b.timeout, WriteTimeout: b.timeout, IdleTimeout: b.timeout,
		Routes: b.routes,
	}
	switch b.transport {
	case Plain, TLS:
		site.Protocols.SetHTTP1(true)
	case HTTP2:
		site.Protocols.SetHTTP1(true)
		site.Protocols.SetHTTP2(true)
	case H2C:
		site.Protocols.SetUnencryptedHTTP2(true)
	}
	if b.transport.secure() {
		site.TLS = serverTLS(tb)
	}
	b.shutdown = b.adapter.Start(tb, site)
	tb.Cleanup(func() {
		if b.shutdown != nil {
			b.stop(tb)
		}
	})
}

// stop shuts the server down, without a word to the hub.
func (b *bed) stop(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	shutdown := b.shutdown
	b.shutdown = nil
	if err := shutdown(ctx); err != nil {
		tb.Errorf("the server's shutdown: got %v, want no error within %v", err, patience)
	}
}

// closed returns how the next stream that ends went.
func (b *bed) closed(tb testing.TB) core.Summary {
	tb.Helper()
	return receive(tb, b.closes, "end of a stream")
}

// empty waits until the hub counts no stream.
func (b *bed) empty(t *testing.T) {
	t.Helper()
	eventually(t, "open streams", 0, func() int { return b.hub.Stats().Streams })
}

// publish publishes events to a channel, and returns their IDs.
func (b *bed) publish(t *testing.T, channel string, events ...core.Event) []string {
	t.Helper()
	ids := make([]string, len(events))
	for i, ev := range events {
		id, err := b.hub.Publish(t.Context(), channel, ev)
		if err != nil {
			t.Fatalf("publish: %v", err)
		}
		ids[i] = id
	}
	return ids
}
