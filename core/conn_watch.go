package core

import (
	"context"
	"net"
	"reflect"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core/internal/netwatch"
)

// connWatcher watches the connections of all requests of the process that are
// no streams, and so belong to no hub. It lingers because requests are short.
//
//nolint:gochecknoglobals // It is the process's, as the poller of package net is.
var connWatcher = netwatch.Watcher{Linger: 250 * time.Millisecond}

// ConnWatch makes the contexts of one request, which end when its client is
// gone. It is for adapters of servers that do not tell handlers so themselves;
// net/http does. Its methods are safe for concurrent use.
type ConnWatch struct {
	stop func()

	mu      sync.Mutex
	over    bool
	reason  error                     // why the contexts ended, if over; nil: the request is over
	cancels []context.CancelCauseFunc // of all contexts
	parent  context.Context           //nolint:containedctx // Of latest.
	latest  context.Context           //nolint:containedctx // It is returned again for the same parent.
}

// WatchConn watches the connection of a request until Close. It does not read
// from the connection and sets no deadline, so that the request's body, an
// upgrade and pipelined requests are the server's as before. The peer is gone
// when it has closed or half-closed the connection, under TLS as well, or when
// the connection broke.
//
// Where the system does not tell so without reading, or the connection hides
// its descriptor, WatchConn asks mayRead whether it may read instead. It then
// takes a goroutine, clears the connection's read deadline, and Close closes
// the connection if the peer has sent anything meanwhile, which is lost.
// Otherwise, and for a nil connection, the peer is never gone.
func WatchConn(conn net.Conn, mayRead func() bool) *ConnWatch {
	w := new(ConnWatch)
	gone := func() { w.end(ErrClientGone) }
	stop, ok := connWatcher.Observe(conn, gone)
	switch {
	case ok:
		w.stop = stop
	case conn != nil && mayRead():
		r := &readConn{Conn: conn}
		stop = connWatcher.Watch(r, gone)
		w.stop = func() {
			stop()
			if r.n > 0 {
				_ = conn.Close() // or the rest would be taken for a request
			}
		}
	default:
		w.stop = func() {}
	}
	return w
}

// readConn counts the bytes that are read from a connection. It hides the
// connection's descriptor.
type readConn struct {
	net.Conn

	n int
}

// Read reads from the connection.
func (r *readConn) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.n += n
	return n, err //nolint:wrapcheck // It is the connection's.
}

// Context returns a context with the values and the deadline of parent. It ends
// when the client is gone, with the cause [ErrClientGone]; at Close, with the
// cause [context.Canceled]; and when parent ends. The next call with the same
// parent returns the same context.
func (w *ConnWatch) Context(parent context.Context) context.Context {
	if ctx := w.made(parent); ctx != nil {
		return ctx
	}
	ctx, cancel := context.WithCancelCause(parent)
	if over, reason := w.keep(parent, ctx, cancel); over {
		cancel(reason)
	}
	return ctx
}

// made returns the latest context if it was made for parent, and otherwise nil.
func (w *ConnWatch) made(parent context.Context) context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.latest != nil && reflect.ValueOf(parent).Comparable() && parent == w.parent {
		return w.latest
	}
	return nil
}

// keep registers a context, or reports that it is to end at once.
func (w *ConnWatch) keep(parent, ctx context.Context, cancel context.CancelCauseFunc) (over bool, reason error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.parent, w.latest = parent, ctx
		w.cancels = append(w.cancels, cancel)
	}
	return w.over, w.reason
}

// Close ends the contexts, and waits until the connection is no longer watched.
// It must be called when the request is over, before the server uses the
// connection for the next one. If it is not, the contexts end with the
// connection: at once if the client closes it, and within a quarter of a second
// if the server does. Close returns nil.
func (w *ConnWatch) Close() error {
	w.stop()
	w.end(nil)
	return nil
}

// end ends the contexts for a reason. Only the first call has an effect.
func (w *ConnWatch) end(reason error) {
	w.mu.Lock()
	cancels := w.cancels
	if !w.over {
		w.over, w.reason = true, reason
		w.cancels, w.parent, w.latest = nil, nil, nil // a pool may keep w
	}
	w.mu.Unlock()
	for _, cancel := range cancels {
		cancel(reason)
	}
}
