// Package sock holds connections that nobody waits on in a goroutine: sockets
// taken over from a server, written to without blocking, and a set that tells
// which of them have become writable again or lost their peer.
package sock

import (
	"errors"
	"net"
	"syscall"
)

// ErrWouldBlock is returned by a write that would have to wait: nothing was
// written.
var ErrWouldBlock = errors.New("sock: would block")

// ErrUnsupported is returned where the system or the connection does not allow
// to take it over.
var ErrUnsupported = errors.New("sock: unsupported")

// Event says that something happened to a socket of a [Set].
type Event struct {
	// Slot and Gen are what the socket was added with.
	Slot, Gen int32
	// Gone reports that the peer has closed its side, or that the connection
	// broke. Otherwise the socket has become writable.
	Gone bool
}

// Raw returns the descriptor under conn, TLS or not, or nil if there is none
// or conn hides it.
func Raw(conn net.Conn) syscall.RawConn {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = t.NetConn()
	}
	sys, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sys.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}
