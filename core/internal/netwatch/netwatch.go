// Package netwatch notices that the peer of a connection is gone, while nobody
// reads from it.
package netwatch

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// Watcher watches connections. Where the system can tell without reading, one
// goroutine does that for all of them, and exists while there are any;
// elsewhere each has one. The zero value is ready to use. It is safe for
// concurrent use.
type Watcher struct {
	mu     sync.Mutex
	shared *shared // nil while nobody is in it
}

// Watch calls gone, from another goroutine, once the peer has closed its side
// of the connection or the connection broke. It must not block: others wait to
// be told. Until stop has returned, nobody else may read from the connection or
// set its read deadline; stop waits for gone if that is running, and leaves the
// connection without a read deadline. A nil connection is never gone. Whoever
// closes the connection stops the watch, before or after.
//
// Where the system can tell without reading, pending input stays where it is.
// Elsewhere input is read and thrown away, as far as a page of it goes: the
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

// WatchBoth does what [Watcher.Watch] does, in a goroutine of its own, and also
// calls gone when the connection is closed on this side.
func WatchBoth(conn net.Conn, gone func()) (stop func()) {
	if conn == nil {
		return func() {}
	}
	_ = conn.SetReadDeadline(time.Time{}) // if it is closed, the watch finds out
	return watchAlone(conn, gone)
}

// watchAlone watches a connection in a goroutine.
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
