// Package netwatch notices that the peer of a connection is gone, while nobody
// reads from it.
package netwatch

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Watch calls gone, from a goroutine of its own, once the peer has closed its
// side of the connection or the connection broke. Until stop has returned,
// nobody else may read from the connection or set its read deadline; stop
// waits for gone if that is running, and leaves the connection without a read
// deadline. A nil connection is never gone.
//
// Where the system can tell without reading, pending input stays where it is.
// Elsewhere input is read and thrown away, as far as a page of it goes: the
// connection should then not be used for another request.
func Watch(conn net.Conn, gone func()) (stop func()) {
	if conn == nil || conn.SetReadDeadline(time.Time{}) != nil {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := wait(conn); !errors.Is(err, os.ErrDeadlineExceeded) {
			gone()
		}
	}()
	return sync.OnceFunc(func() {
		_ = conn.SetReadDeadline(time.Unix(1, 0))
		<-done
		_ = conn.SetReadDeadline(time.Time{})
	})
}

// wait returns nil when the peer is gone, and otherwise the error that ended
// the wait.
func wait(conn net.Conn) error {
	if raw := rawConn(conn); raw != nil && canPoll {
		return raw.Read(hungUp) //nolint:wrapcheck // The caller only compares it.
	}
	return read(conn)
}

// rawConn returns the network connection under conn, TLS or not, or nil if
// conn hides it.
func rawConn(conn net.Conn) syscall.RawConn {
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

// read reads until the peer is gone. A peer that goes on sending is not waited
// for: writing will tell.
func read(conn net.Conn) error {
	var page [512]byte
	for range 8 {
		if _, err := conn.Read(page[:]); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return err //nolint:wrapcheck // The caller only compares it.
			}
			return nil // an end of input is what was waited for
		}
	}
	return os.ErrDeadlineExceeded
}
