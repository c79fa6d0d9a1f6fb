package core

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tidings-go/tidings/core/internal/netwatch"
)

// watch ends the stream when its request's context ends or its server shuts
// down, until the stream is finished.
func (s *Stream) watch(r Request) {
	stop := context.AfterFunc(r.Context(), func() { s.clientGone(context.Cause(r.Context())) })
	unshut := s.gate.onShutdown(r, s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unwatch, s.unshut = func() { stop() }, unshut
}

// watchConn ends the stream when the client closes its connection, if NetConn
// is set, and removes the timeouts that the server has set for the request:
// from here on, the stream may wait.
func (s *Stream) watchConn(r Request) {
	if r.Response != nil {
		control := http.NewResponseController(r.Response)
		// An error is logged later, where it matters: on a stream.
		_ = control.SetReadDeadline(time.Time{})
		_ = control.SetWriteDeadline(time.Time{})
	}
	if r.NetConn == nil {
		return
	}
	watch := s.gate.hub.watcher.Watch
	if r.Reused {
		watch = netwatch.WatchBoth
	}
	stop := watch(r.NetConn, func() { s.clientGone(nil) })
	s.mu.Lock()
	defer s.mu.Unlock()
	unwatch := s.unwatch
	s.unwatch = func() {
		if unwatch != nil {
			unwatch()
		}
		stop()
	}
}

// stopWatching stops watching the request and its connection.
func (s *Stream) stopWatching() {
	s.mu.Lock()
	unwatch := s.unwatch
	s.unwatch = nil
	s.mu.Unlock()
	if unwatch != nil {
		unwatch()
	}
}

// clientGone ends the stream because its client is gone, or seems to be:
// servers break the connection of a write that took too long.
func (s *Stream) clientGone(cause error) {
	s.mu.Lock()
	out := s.out
	s.mu.Unlock()
	switch {
	case out != nil && out.overdue():
		s.end(ErrWriteTimeout)
	case cause != nil && !errors.Is(cause, context.Canceled):
		s.end(fmt.Errorf("%w: %w", ErrClientGone, cause))
	default:
		s.end(ErrClientGone)
	}
}
