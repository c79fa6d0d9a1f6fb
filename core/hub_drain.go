package core

import (
	"context"
	"net/http"
	"time"
)

// Drain ends the hub's streams in order, for example for a deploy. First,
// [Hub.Ready] turns false. After the DrainDelay of [HubConfig], during which all
// goes on as before, new streams are refused with status 503 (see [Refusal] for
// what browsers are sent). Each subscription is told when to reconnect, after a
// time of its own, and is closed. The closings are spread over the time that ctx
// leaves, or happen at once if ctx has no deadline. One-shot requests that wait
// for their event are refused, too. Handlers find the Draining channel of their
// stream closed and may finish. Streams that are still open when ctx ends are
// ended with [ErrDraining].
//
// A client that comes back while the hub drains, and that a temporary refusal
// would end for good, is told to stay away until ctx ends.
//
// Drain returns nil once every stream has ended, and the cause of ctx if ctx
// ended before. Publishing still works after Drain; see [Hub.Close].
func (h *Hub) Drain(ctx context.Context) error {
	h.unready(ctx)
	wait(ctx, h.cfg.DrainDelay)
	streams, empty := h.beginDrain()
	spread := time.Duration(0)
	if deadline, ok := ctx.Deadline(); ok {
		// Leave time for the last streams to be closed.
		spread = time.Until(deadline) * 3 / 4
	}
	timers := make([]*time.Timer, 0, len(streams))
	for _, s := range streams {
		switch s.driver() {
		case stateSubscribed:
			timers = append(timers, time.AfterFunc(upTo(spread), s.announceDrain))
		case stateOneShot:
			s.end(ErrDraining) // it has nothing to finish, and its client asks again soon
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

// Ready reports whether the hub takes new streams, and will go on to: Drain and
// Close have not been called. See [Readiness].
func (h *Hub) Ready() bool {
	h.streamsMu.Lock()
	defer h.streamsMu.Unlock()
	return !h.isUnready
}

// unready makes Ready report false, and notes when a drain ends.
func (h *Hub) unready(ctx context.Context) {
	h.streamsMu.Lock()
	defer h.streamsMu.Unlock()
	h.isUnready = true
	if deadline, ok := ctx.Deadline(); ok {
		h.drainEnds = deadline
	}
}

// untilDrained returns the time until a drain gives up, if there is one.
func (h *Hub) untilDrained() time.Duration {
	h.streamsMu.Lock()
	defer h.streamsMu.Unlock()
	if h.drainEnds.IsZero() {
		return 0
	}
	return max(time.Until(h.drainEnds), 0)
}

// wait blocks for a duration, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// beginDrain makes the hub refuse new streams. It returns the open streams, and
// a channel that is closed when none is left.
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

// streamsOf returns the streams of an identity, open or at the gate.
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

// register counts a stream as open, or refuses it if the hub drains.
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

// registerEarly records a stream that got an identity while it is at the gate.
func (h *Hub) registerEarly(s *Stream) {
	h.streamsMu.Lock()
	defer h.streamsMu.Unlock()
	if h.streams[s.key] != s {
		h.early[s] = struct{}{}
	}
}

// unregister removes a stream from the open ones.
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

// drainRefusal returns the refusal of a hub that drains. RetryAfter is short,
// because another machine or the new version takes over soon.
func drainRefusal() *Refusal {
	return &Refusal{
		Status:     http.StatusServiceUnavailable,
		Message:    "The server is shutting down. Try again soon.",
		RetryAfter: time.Second + upTo(2*time.Second),
		Err:        ErrDraining,
	}
}

// driver returns the state of the stream, which says what drives it.
func (s *Stream) driver() streamState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}
