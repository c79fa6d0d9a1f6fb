// Package adaptertest is the suite that every adapter of Tidings passes: it
// starts real servers, and looks at them through sockets only. It tests what an
// adapter can break; the semantics of streams are tested with core.
package adaptertest

import (
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

type (
	// Adapter tells the suite how to serve endpoints with a framework:
	// Transports are those to run the suite in, and Start serves a [Site]. Start
	// returns once it serves or is about to. The function that it returns shuts
	// the server down as a program would that knows nothing of streams; it
	// returns an error if that took longer than the context, and then stops the
	// server by force.
	Adapter = ssetest.Adapter
	// Site is what an adapter serves: Routes on a Listener, which the server
	// closes, with TLS unless that is nil, and with the timeouts ReadTimeout,
	// WriteTimeout and IdleTimeout. A server of net/http speaks Protocols. In
	// front of all routes stand the framework's own middleware for CORS, which
	// allows every origin; for request IDs, which sends the request's
	// X-Request-Id back; one that sets the cookie framework=1; and for panics.
	Site = ssetest.Site
	// Route is one endpoint of a site, with a Method and a Path. A route for GET
	// also serves HEAD. Parameters of the path are written like "/things/{id}":
	// see [Colons].
	Route = ssetest.Route
	// Transport is the protocol between client and server.
	Transport = ssetest.Transport
)

// The transports that an adapter may support.
const (
	// Plain is HTTP/1 over TCP.
	Plain = ssetest.Plain
	// TLS is HTTP/1 over TLS.
	TLS = ssetest.TLS
	// HTTP2 is HTTP/2 over TLS.
	HTTP2 = ssetest.HTTP2
	// H2C is HTTP/2 over TCP, with prior knowledge.
	H2C = ssetest.H2C
)

// Colons returns a path with its parameters written like "/things/:id".
func Colons(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// Run tests an adapter, in one transport after the other. Where connections can
// be hijacked, it tests both with and without.
func Run(t *testing.T, adapter Adapter) {
	t.Helper()
	for _, e := range adapter.Envs() {
		t.Run(e.String(), func(t *testing.T) { run(t, e) })
	}
}

func run(t *testing.T, e ssetest.Env) {
	t.Helper()
	t.Run("Warm", func(t *testing.T) { warm(t, e) })
	for _, c := range cases() {
		if c.only != nil && !c.only(e.Transport) {
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

// warm serves a request, so that a framework starts what it starts once before
// goroutines are counted.
func warm(t *testing.T, e ssetest.Env) {
	t.Helper()
	f := ssetest.New(t, e, core.HubConfig{})
	f.Get("/", f.Gate(core.GateConfig{}).Handle(func(*core.Sender) error { return nil }))
	f.Start(t)
	f.Client(t).Open(t, "/").WantEnd(t)
}

// test is one of the suite's.
type test struct {
	name string
	run  func(t *testing.T, e ssetest.Env)
	// only reports whether the test is of use in a transport; nil: in all.
	only func(Transport) bool
	// alone says that no other test may run meanwhile.
	alone bool
}

func isPlain(tr Transport) bool { return tr == Plain }
