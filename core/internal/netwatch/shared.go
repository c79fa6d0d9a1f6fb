package netwatch

import (
	"errors"
	"os"
	"sync"
	"syscall"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// shared watches several connections from one goroutine. The watcher's mu
// guards conns and last.
type shared struct {
	set   *sock.Set
	conns map[uint64]*watched // by the ID that each event carries
	last  uint64              // newest ID; IDs are never reused, so that a late event is recognised
	ended chan struct{}       // closed when the goroutine ends
}

// watched is a connection of a shared.
type watched struct {
	raw  syscall.RawConn
	gone func()
	told chan struct{} // closed when gone has returned
}

// share adds a connection to the shared ones, and reports whether that was
// possible.
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
		w.schedule(s)
		go w.run(s)
	}
	s.last++
	id, c := s.last, &watched{raw: raw, gone: gone, told: make(chan struct{})}
	if err := s.set.Watch(raw, low(id), high(id)); err != nil {
		if w.shared != s {
			_ = s.set.Close()
		}
		return nil, false
	}
	s.conns[id] = c
	w.shared = s
	return sync.OnceFunc(func() { w.stop(s, id, c) }), true
}

// low and high return the two halves of an ID.
func low(id uint64) int32  { return int32(uint32(id)) }       //nolint:gosec // It is cut on purpose.
func high(id uint64) int32 { return int32(uint32(id >> 32)) } //nolint:gosec // It is cut on purpose.

// drop removes a connection, and reports whether the set has come to its end
// with it: the caller then closes the set. Each connection is removed only
// once, because its descriptor may be watched again under another ID. The
// caller holds w.mu.
func (w *Watcher) drop(s *shared, id uint64) (last bool) {
	s.set.Forget(s.conns[id].raw)
	delete(s.conns, id)
	if len(s.conns) > 0 || w.Linger > 0 {
		return false
	}
	w.shared = nil
	return true
}

// run calls gone for connections whose peer is gone, until the set is closed.
func (w *Watcher) run(s *shared) {
	defer close(s.ended)
	var events []sock.Event
	for {
		var err error
		events, err = s.set.Wait(events[:0])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			w.sweep(s)
			continue
		}
		if err != nil {
			return // it is closed
		}
		for _, ev := range events {
			id := uint64(uint32(ev.Slot)) | uint64(uint32(ev.Gen))<<32 //nolint:gosec // It is what was cut.
			w.mu.Lock()
			c := s.conns[id]
			last := c != nil && w.drop(s, id)
			w.mu.Unlock()
			if c == nil {
				continue // the watch has been stopped
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
