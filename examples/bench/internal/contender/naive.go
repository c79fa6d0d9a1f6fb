//go:build linux

package contender

import (
	"fmt"
	"net"
	"net/http"
	"sync"
)

// naiveQueue is how many events a naive client may be behind before it misses
// some.
const naiveQueue = 64

// naiveServer is what one writes by hand: each client has a channel of encoded
// events, which its handler drains before it flushes. When a channel is full,
// the event is dropped for that client.
type naiveServer struct {
	http   *http.Server
	number int

	mu      sync.RWMutex
	clients map[string]map[chan []byte]struct{}
	names   []string
}

func startNaive(ln net.Listener, cfg Config) (Server, error) {
	s := &naiveServer{clients: make(map[string]map[chan []byte]struct{}), names: channelNames(cfg)}
	for _, name := range s.names {
		s.clients[name] = make(map[chan []byte]struct{})
	}
	s.http = serveHTTP(ln, http.HandlerFunc(s.serve))
	return s, nil
}

func (s *naiveServer) serve(w http.ResponseWriter, r *http.Request) {
	flusher, ok := w.(http.Flusher)
	name := r.URL.Query().Get("stream")
	events := make(chan []byte, naiveQueue)
	s.mu.Lock()
	clients := s.clients[name]
	if clients != nil {
		clients[events] = struct{}{}
	}
	s.mu.Unlock()
	if clients == nil || !ok {
		http.NotFound(w, r)
		return
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(clients, events)
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	flusher.Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case frame := <-events:
			if !writeAll(w, frame, events) {
				return
			}
			flusher.Flush()
		}
	}
}

// writeAll writes a frame and all that wait behind it.
func writeAll(w http.ResponseWriter, frame []byte, more <-chan []byte) bool {
	for {
		if _, err := w.Write(frame); err != nil {
			return false
		}
		select {
		case frame = <-more:
		default:
			return true
		}
	}
}

// Publish implements [Server].
func (s *naiveServer) Publish(channel int, data string) error {
	s.number++
	frame := encode(s.number, data)
	s.mu.RLock()
	defer s.mu.RUnlock()
	for events := range s.clients[s.names[channel]] {
		select {
		case events <- frame:
		default:
		}
	}
	return nil
}

// Close implements [Server].
func (s *naiveServer) Close() error { return s.http.Close() }

// encode encodes an event whose data has one line.
func encode(id int, data string) []byte {
	return fmt.Appendf(make([]byte, 0, len(data)+32), "id: %d\ndata: %s\n\n", id, data)
}
