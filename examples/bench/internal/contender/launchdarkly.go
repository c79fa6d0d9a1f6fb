//go:build linux

package contender

import (
	"fmt"
	"net"
	"net/http"

	"github.com/launchdarkly/eventsource"
)

// startLaunchdarkly serves with launchdarkly/eventsource. Its IDs are compared
// as text, hence the digits; its repository is filled by hand.
func startLaunchdarkly(ln net.Listener, cfg Config) (Server, error) {
	server := eventsource.NewServer()
	s := &launchdarklyServer{sse: server, names: channelNames(cfg)}
	handlers := make(map[string]http.HandlerFunc)
	for _, name := range s.names {
		handlers[name] = server.Handler(name)
	}
	if cfg.History {
		s.history = eventsource.NewSliceRepository()
		for _, name := range s.names {
			server.Register(name, s.history)
		}
	}
	s.http = serveHTTP(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := handlers[r.URL.Query().Get("stream")]; h != nil {
			h(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	return s, nil
}

type launchdarklyServer struct {
	sse     *eventsource.Server
	names   []string
	history *eventsource.SliceRepository
	http    *http.Server
	number  int
}

// launchdarklyEvent is an event of theirs.
type launchdarklyEvent struct{ id, data string }

var _ eventsource.Event = launchdarklyEvent{}

// Id implements [eventsource.Event].
//
//nolint:revive // The interface spells it so.
func (e launchdarklyEvent) Id() string { return e.id }

// Event implements [eventsource.Event].
func (e launchdarklyEvent) Event() string { return "" }

// Data implements [eventsource.Event].
func (e launchdarklyEvent) Data() string { return e.data }

// Publish implements [Server].
func (s *launchdarklyServer) Publish(channel int, data string) error {
	s.number++
	ev := launchdarklyEvent{id: fmt.Sprintf("%012d", s.number), data: data}
	name := s.names[channel]
	if s.history != nil {
		s.history.Add(name, ev)
	}
	s.sse.Publish([]string{name}, ev)
	return nil
}

// Close implements [Server].
func (s *launchdarklyServer) Close() error {
	err := s.http.Close()
	s.sse.Close()
	return err
}
