package netwatch

import (
	"net"
	"time"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// Observe does the same as [Watcher.Watch], but neither reads from the
// connection nor sets a deadline: other code may do both meanwhile. It reports
// false, and watches nothing, if the system or the connection does not allow
// that. A connection may be observed several times at once.
func (w *Watcher) Observe(conn net.Conn, gone func()) (stop func(), ok bool) {
	raw := sock.Raw(conn)
	if stop, ok = w.share(raw, gone); ok {
		return stop, true
	}
	// A set holds a connection once only.
	return (&Watcher{Linger: w.Linger}).share(raw, gone)
}

// schedule has sweep called after Linger, if there is one.
func (w *Watcher) schedule(s *shared) {
	if w.Linger > 0 {
		_ = s.set.SetDeadline(time.Now().Add(w.Linger)) // only a closed set has none
	}
}

// sweep calls gone for connections that were closed on this side: such a
// connection leaves the set without an event. It closes the set if it has found
// no connection.
func (w *Watcher) sweep(s *shared) {
	var closed []*watched
	w.mu.Lock()
	idle := len(s.conns) == 0
	for id, c := range s.conns {
		if c.raw.Control(func(uintptr) {}) != nil {
			w.drop(s, id)
			closed = append(closed, c)
		}
	}
	if idle {
		w.shared = nil
	}
	w.mu.Unlock()
	if idle {
		_ = s.set.Close()
		return
	}
	w.schedule(s)
	for _, c := range closed {
		c.gone()
		close(c.told)
	}
}
