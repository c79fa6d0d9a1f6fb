package netwatch

import (
	"sync"
	"syscall"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// shared watches connections together, from one goroutine.
type shared struct {
	set   *sock.Set
	conns map[uint64]*watched // by the number that comes back with an event
	last  uint64              // the newest number; none is given twice, so that a late event is known
	ended chan struct{}       // closed when the goroutine is done
}

// watched is one of the connections.
type watched struct {
	raw  syscall.RawConn
	gone func()
	told chan struct{} // closed when gone has returned
}

// share adds a connection to those that are watched together, and reports
// whether that was possible.
func (w *Watcher) share(raw syscall.RawConn, gone func()) (stop func(), ok bool) {
	if !sock.Supported || raw == nil {
		return nil, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.shared
	if s == nil {
		set, err := sock.NewSet()
		if err != nil {
			return nil, false
		}
		s = &shared{set: set, conns: make(map[uint64]*watched), ended: make(chan struct{})}
		go w.run(s)
	}
	s.last++
	id, c := s.last, &watched{raw: raw, gone: gone, told: make(chan struct{})}
	if err := s.set.Watch(raw, low(id), high(id)); err != nil {
		if len(s.conns) == 0 {
			_ = s.set.Close()
		}
		return nil, false
	}
	s.conns[id] = c
	w.shared = s
	return sync.OnceFunc(func() { w.stop(s, id, c) }), true
}

// The two halves of a number.
func low(id uint64) int32  { return int32(uint32(id)) }       //nolint:gosec // It is cut on purpose.
func high(id uint64) int32 { return int32(uint32(id >> 32)) } //nolint:gosec // It is cut on purpose.

// drop takes a connection off, and reports whether it was the last one: the
// caller then closes the set. The caller holds w.mu. A connection is taken off
// once only: its descriptor may be watched again under another number.
func (w *Watcher) drop(s *shared, id uint64) (last bool) {
	s.set.Forget(s.conns[id].raw)
	delete(s.conns, id)
	if len(s.conns) > 0 {
		return false
	}
	w.shared = nil
	return true
}

// run tells of those who are gone, until there is nobody left to watch.
func (w *Watcher) run(s *shared) {
	defer close(s.ended)
	var events []sock.Event
	for {
		var err error
		if events, err = s.set.Wait(events[:0]); err != nil {
			return // it is closed
		}
		for _, ev := range events {
			id := uint64(uint32(ev.Slot)) | uint64(uint32(ev.Gen))<<32 //nolint:gosec // It is what was cut.
			w.mu.Lock()
			c := s.conns[id]
			last := c != nil && w.drop(s, id)
			w.mu.Unlock()
			if c == nil {
				continue // nobody wants to know any more
			}
			c.gone()
			if last {
				_ = s.set.Close()
			}
			close(c.told)
			if last {
				return
			}
		}
	}
}

// stop ends the watch of a connection.
func (w *Watcher) stop(s *shared, id uint64, c *watched) {
	w.mu.Lock()
	waiting := s.conns[id] == c
	last := waiting && w.drop(s, id)
	w.mu.Unlock()
	switch {
	case last:
		_ = s.set.Close()
		<-s.ended
	case !waiting:
		<-c.told
	}
}
