package core

import (
	"context"
	"net/http"
	"time"
)

// Drain ends the hub's streams in order, for a deploy say. New ones are refused
// with 503 and Retry-After from now on. Subscriptions are told to come back,
// each after a time of its own, and are closed, spread over the time that ctx
// leaves, or at once if it has no deadline. One-shots that wait for their event
// are refused, too. Handlers find their stream's
// Draining channel closed and may finish; what is left when ctx ends is ended
// with [ErrDraining].
//
// Drain returns nil once every stream has ended, and the cause of ctx if it
// ended before. Publishing goes on; see [Hub.Close].
func (h *Hub) Drain(ctx context.Context) error {
	streams, empty := h.beginDrain()
	spread := time.Duration(0)
	if deadline, ok := ctx.Deadline(); ok {
		// The last ones need some time to be closed, too.
		spread = time.Until(deadline) * 3 / 4
	}
	timers := make([]*time.Timer, 0, len(streams))
	for _, s := range streams {
		switch s.driver() {
		case stateSubscribed:
			timers = append(timers, time.AfterFunc(upTo(spread), s.announceDrain))
		case stateOneShot:
			s.end(ErrDraining) // it has nothing to finish, and asks again soon
		default:
			s.announceDrain()
		}
	}
	var err error
	select {
	case <-empty:
	case <-ctx.Done():
		select {
		case <-empty:
		default:
			err = context.Cause(ctx)
		}
	}
	for _, timer := range timers {
		timer.Stop()
	}
	for _, s := range h.openStreams() {
		s.abort(ErrDraining)
	}
	return err
}

// beginDrain refuses new streams, and returns the open ones with a channel
// that is closed once there are none.
func (h *Hub) beginDrain() ([]*Stream, <-chan struct{}) {
	h.streamsMu.Lock()
	h.draining = true
	if h.empty == nil {
		h.empty = make(chan struct{})
		if len(h.streams) == 0 {
			close(h.empty)
		}
	}
	empty := h.empty
	h.streamsMu.Unlock()
	return h.openStreams(), empty
}

// openStreams returns the streams that are open now.
func (h *Hub) openStreams() []*Stream {
	h.streamsMu.Lock()
	defer h.streamsMu.Unlock()
	streams := make([]*Stream, 0, len(h.streams))
	for _, s := range h.streams {
		streams = append(streams, s)
	}
	return streams
}

// streamsOf returns the streams that belong to somebody, open or at the gate.
func (h *Hub) streamsOf(identity string) []*Stream {
	h.streamsMu.Lock()
	defer h.streamsMu.Unlock()
	var streams []*Stream
	for _, s := range h.streams {
		if s.Identity() == identity {
			streams = append(streams, s)
		}
	}
	for s := range h.early {
		if s.Identity() == identity {
			streams = append(streams, s)
		}
	}
	return streams
}

// register counts a stream in, or refuses it because the hub drains.
func (h *Hub) register(s *Stream) error {
	h.streamsMu.Lock()
	defer h.streamsMu.Unlock()
	if h.draining {
		return drainRefusal()
	}
	delete(h.early, s)
	h.streams[s.key] = s
	return nil
}

// registerEarly takes note that a stream belongs to somebody, if it is at the gate.
func (h *Hub) registerEarly(s *Stream) {
	h.streamsMu.Lock()
	defer h.streamsMu.Unlock()
	if h.streams[s.key] != s {
		h.early[s] = struct{}{}
	}
}

// unregister counts a stream out.
func (h *Hub) unregister(s *Stream) {
	h.streamsMu.Lock()
	defer h.streamsMu.Unlock()
	delete(h.early, s)
	if h.streams[s.key] != s {
		return
	}
	delete(h.streams, s.key)
	if h.empty != nil && len(h.streams) == 0 {
		close(h.empty)
	}
}

func (h *Hub) isDraining() bool {
	h.streamsMu.Lock()
	defer h.streamsMu.Unlock()
	return h.draining
}

// drainRefusal is the answer while a hub drains. Another machine, or the new
// version, will be there soon.
func drainRefusal() *Refusal {
	return &Refusal{
		Status:     http.StatusServiceUnavailable,
		Message:    "The server is shutting down. Try again soon.",
		RetryAfter: time.Second + upTo(2*time.Second),
		Err:        ErrDraining,
	}
}

// driver returns who drives the stream, if it is open.
func (s *Stream) driver() streamState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}
