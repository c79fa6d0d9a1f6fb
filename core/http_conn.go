package core

import (
	"net"
	"net/http"
	"time"
)

// Request is what an adapter hands to core when a client asks for a stream. It
// must not refer to anything that the framework uses again after its handler
// has returned: every string is a copy.
type Request struct {
	// Request is the HTTP request: method, protocol, URL, header, body, remote
	// address, path values, and a context that ends when the client is gone, as
	// far as the framework can tell.
	*http.Request
	// Response is the writer of the response, if it is one of net/http. Core
	// lifts the server's timeouts through it while somebody waits; Serve sets
	// them again.
	Response http.ResponseWriter
	// NetConn is the network connection, if the framework does not watch it
	// while a response is sent. Core then watches it for the client's
	// disconnect; nobody else may read from it meanwhile.
	NetConn net.Conn
	// Reused reports that NetConn has served a request before, whose response
	// the framework may still hold. If that cannot be sent, the framework closes
	// the connection and may never have the adapter call Run or Own: core then
	// also watches for the connection being closed on this side.
	Reused bool
	// CanOwn reports that the adapter can take the connection over, should core
	// want to own it: see [Opening.Own].
	CanOwn bool
	// ServerDone is closed when the server begins to shut down. It is not
	// needed for a [http.Server], which the request's context knows.
	ServerDone <-chan struct{}
}

// Conn is the sending side of one response whose head is on its way, as an
// adapter hands it to [Opening.Run]. Core calls Write and Flush from one
// goroutine at a time, and nothing any more once Run has returned.
type Conn interface {
	// Write adds p to what the next Flush sends, or sends it. It must not keep
	// p. It may block like Flush.
	Write(p []byte) (int, error)
	// Flush sends what was written. It blocks while the client takes nothing,
	// until the write deadline at most, and returns an error once the
	// connection is known to be of no use.
	Flush() error
	// SetWriteDeadline bounds Write and Flush, also one that blocks already;
	// it may be called concurrently with them. The zero time means no bound.
	// An adapter that sends later than it flushes keeps the bound until it has
	// sent. An adapter that cannot do it returns an error.
	SetWriteDeadline(t time.Time) error
}
