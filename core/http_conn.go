package core

import (
	"net"
	"net/http"
	"time"
)

// Request is what an adapter passes to core when a client asks for a stream. It
// must not refer to memory that the framework reuses after its handler has
// returned: every string is a copy.
type Request struct {
	// Request is the HTTP request: method, protocol, URL, header, body, remote
	// address, path values, and a context that ends when the client is gone, if
	// the framework can tell.
	*http.Request
	// Response is the writer of the response, if it is one of net/http. Core
	// removes the server's timeouts through it while a stream waits; Serve sets
	// them again.
	Response http.ResponseWriter
	// NetConn is the network connection, if the framework does not watch it
	// while a response is sent. Core then watches it for the client's
	// disconnect; nothing else may read from it meanwhile.
	NetConn net.Conn
	// Reused reports that NetConn has served an earlier request, whose response
	// the framework may still hold. If that response cannot be sent, the
	// framework closes the connection, and the adapter may never get to call
	// Run or Own. Core therefore also watches whether this side closes the
	// connection.
	Reused bool
	// CanOwn reports that the adapter can take the connection over from the
	// server, if core asks for it: see [Opening.Own].
	CanOwn bool
	// ServerDone is closed when the server begins to shut down. It is not
	// needed with a [http.Server], which core finds in the request's context.
	ServerDone <-chan struct{}
}

// Conn is the sending side of one response whose head is sent, as an adapter
// passes it to [Opening.Run]. Core calls Write and Flush from one goroutine at
// a time, and calls no method after Run has returned.
type Conn interface {
	// Write buffers p for the next Flush, or sends it. It must not keep p. It
	// may block like Flush.
	Write(p []byte) (int, error)
	// Flush sends what was written. While the client takes nothing, it blocks,
	// at most until the write deadline. It returns an error once the connection
	// is known to be broken.
	Flush() error
	// SetWriteDeadline sets the deadline of Write and Flush, also of a call
	// that blocks already; it may be called concurrently with them. The zero
	// time means no deadline. An adapter that sends later than it flushes keeps
	// the deadline until it has sent. An adapter that has no deadlines returns
	// an error.
	SetWriteDeadline(t time.Time) error
}
