// Package netwatch detects that the peer of a connection is gone, without a
// reader on the connection.
package netwatch

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// Watcher watches connections. If the system can report the loss of a peer
// without reading, one goroutine watches all connections, and exists while
// there are any. Otherwise each connection has a goroutine. The zero value is
// ready to use. It is safe for concurrent use.
type Watcher struct {
	// Linger is how long the shared goroutine may stay without a connection.
	// That saves its start where each connection is watched for a short time.
	// Once in this time it also looks for connections that were closed on this
	// side, and calls their gone. It must not change later. Default: the
	// goroutine ends with its last connection, and does not look.
	Linger time.Duration

	mu     sync.Mutex
	shared *shared // nil while it has no connection
}

// Watch calls gone, from another goroutine, once the peer has closed its side
// of the connection or the connection broke. gone must not block, because it
// delays the calls for other connections. Until stop has returned, no other
// code may read from the connection or set its read deadline. stop waits for a
// running call of gone, and leaves the connection without a read deadline. A
// nil connection is never gone. The caller must call stop before or after it
// closes the connection.
//
// If the system can report the loss of a peer without reading, pending input
// stays unread. Otherwise Watch reads and discards up to a page of input: the
// connection should then not be used for another request.
func (w *Watcher) Watch(conn net.Conn, gone func()) (stop func()) {
	if conn == nil || conn.SetReadDeadline(time.Time{}) != nil {
		return func() {}
	}
	if stop, ok := w.share(sock.Raw(conn), gone); ok {
		return stop
	}
	return watchAlone(conn, gone)
}

// WatchBoth does the same as [Watcher.Watch], in a goroutine of its own, and
// also calls gone when the connection is closed on this side.
func WatchBoth(conn net.Conn, gone func()) (stop func()) {
	if conn == nil {
		return func() {}
	}
	_ = conn.SetReadDeadline(time.Time{}) // if conn is closed, the watch notices
	return watchAlone(conn, gone)
}

// watchAlone watches a connection in a goroutine of its own.
func watchAlone(conn net.Conn, gone func()) (stop func()) {
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
	if raw := sock.Raw(conn); raw != nil && canPoll {
		return raw.Read(hungUp) //nolint:wrapcheck // The caller only compares it.
	}
	return read(conn)
}

// read reads until the peer is gone. It gives up on a peer that keeps sending:
// a later write reports its loss.
func read(conn net.Conn) error {
	var page [512]byte
	for range 8 {
		if _, err := conn.Read(page[:]); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return err //nolint:wrapcheck // The caller only compares it.
			}
			return nil // the end of input, or the connection broke
		}
	}
	return os.ErrDeadlineExceeded
}
