package core

import (
	"context"
	"net"
	"time"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// connKey is the context key of a connection.
type connKey struct{}

// ConnContext is for the field of that name of a [net/http.Server]. It lets a
// gate's MaxUnsent and WriteTimeout bound what the kernel holds for the clients
// of streams that are sent as responses, over HTTP/2, for example. Connections
// that are taken over, as those of subscriptions over HTTP/1 are, do not need
// it.
func ConnContext(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// boundConn bounds what the kernel holds for the client of a stream that is sent
// as a response, if its connection is known.
func (s *Stream) boundConn(r Request) {
	conn := r.NetConn
	if conn == nil {
		conn, _ = r.Context().Value(connKey{}).(net.Conn)
	}
	if conn == nil {
		return
	}
	timeout := s.ackTimeout()
	if r.ProtoMajor != 1 {
		timeout = -1 // other streams share the connection
	}
	s.bound(conn, timeout)
}

// bound bounds what the kernel holds for the stream's client.
func (s *Stream) bound(conn net.Conn, timeout time.Duration) {
	if raw := sock.Raw(conn); raw != nil {
		sock.Bound(raw, s.gate.cfg.MaxUnsent, timeout)
	}
}

// ackTimeout is how long the kernel waits for the client's acknowledgement. It
// is longer than the stream waits for a client that takes nothing, because the
// stream's error says more.
func (s *Stream) ackTimeout() time.Duration {
	patience := s.stallTimeout()
	return patience + patience/2
}
