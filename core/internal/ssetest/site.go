package ssetest

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// Transport is the protocol between client and server.
type Transport string

// The transports.
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

// HTTP1 reports whether the transport is HTTP/1.
func (tr Transport) HTTP1() bool { return tr == Plain || tr == TLS }

// Secure reports whether the transport encrypts.
func (tr Transport) Secure() bool { return tr == TLS || tr == HTTP2 }

// protocols returns what a server or a client speaks that uses the transport
// only. A server of HTTP/2 over TLS also speaks HTTP/1.
func (tr Transport) protocols(server bool) *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(tr.HTTP1() || tr == HTTP2 && server)
	p.SetHTTP2(tr == HTTP2)
	p.SetUnencryptedHTTP2(tr == H2C)
	return p
}

// Adapter serves endpoints with a framework.
type Adapter struct {
	// Transports are those to test.
	Transports []Transport
	// Start serves a site, and returns once it does or is about to. The
	// returned function shuts the server down as a program would that knows
	// nothing of streams; it returns an error if that took longer than the
	// context, and then stops the server by force.
	Start func(tb testing.TB, site Site) (shutdown func(context.Context) error)
}

// Envs returns an environment for each transport, and for those in which
// connections can be hijacked two: with and without.
func (a Adapter) Envs() []Env {
	var envs []Env
	for _, transport := range a.Transports {
		e := Env{Adapter: a, Transport: transport}
		envs = append(envs, e)
		if transport.HTTP1() {
			e.Conn = core.ResponseConn
			envs = append(envs, e)
		}
	}
	return envs
}

// Site is what an adapter serves. In front of all routes stand the framework's
// own middleware for CORS, which allows every origin; for request IDs, which
// sends the request's X-Request-Id back; one that sets the cookie framework=1;
// and for panics.
type Site struct {
	// Listener is where to listen. The server closes it.
	Listener net.Listener
	// TLS is the configuration of a server with TLS, otherwise nil.
	TLS *tls.Config
	// Protocols are what a server of net/http speaks.
	Protocols *http.Protocols
	// ReadTimeout, WriteTimeout and IdleTimeout are the server's timeouts.
	ReadTimeout, WriteTimeout, IdleTimeout time.Duration
	// Routes are the endpoints.
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
