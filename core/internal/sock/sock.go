// Package sock holds sockets that need no goroutine each: sockets that are
// taken over from a server and written to without blocking, and a set that
// reports which of them have become writable again or lost their peer.
package sock

import (
	"errors"
	"net"
	"syscall"
)

// ErrWouldBlock is returned by a write that would block. Nothing was written.
var ErrWouldBlock = errors.New("sock: would block")

// ErrUnsupported is returned if the system or the kind of connection does not
// allow taking the connection over.
var ErrUnsupported = errors.New("sock: unsupported")

// Event reports a change of a socket of a [Set].
type Event struct {
	// Slot and Gen are the values that the socket was added with.
	Slot, Gen int32
	// Gone reports that the peer has closed its side, or that the connection
	// broke. If it is false, the socket has become writable.
	Gone bool
}

// Raw returns the descriptor of conn, also under TLS, or nil if there is none
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
