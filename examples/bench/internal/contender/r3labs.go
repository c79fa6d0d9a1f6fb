//go:build linux

package contender

import (
	"net"
	"net/http"

	"github.com/r3labs/sse/v2"
)

// startR3labs serves with r3labs/sse. Its replay is an unbounded log that a
// new client gets as a whole: it is on only where history is measured.
func startR3labs(ln net.Listener, cfg Config) (Server, error) {
	server := sse.New()
	server.AutoReplay = cfg.History
	names := channelNames(cfg)
	for _, name := range names {
		server.CreateStream(name)
	}
	return &r3labsServer{sse: server, names: names, http: serveHTTP(ln, server)}, nil
}

type r3labsServer struct {
	sse   *sse.Server
	names []string
	http  *http.Server
}

// Publish implements [Server].
func (s *r3labsServer) Publish(channel int, data string) error {
	s.sse.Publish(s.names[channel], &sse.Event{Data: []byte(data)})
	return nil
}

// Close implements [Server].
func (s *r3labsServer) Close() error {
	err := s.http.Close()
	s.sse.Close()
	return err
}
