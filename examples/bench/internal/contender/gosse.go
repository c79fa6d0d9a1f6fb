//go:build linux

package contender

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/tmaxmax/go-sse"
)

// startGoSSE serves with tmaxmax/go-sse and its own provider, Joe. The library
// sends no head before the first event, so the session's hook does.
func startGoSSE(ln net.Listener, cfg Config) (Server, error) {
	joe := &sse.Joe{}
	if cfg.History {
		replayer, err := sse.NewFiniteReplayer(historyEvents, true)
		if err != nil {
			return nil, fmt.Errorf("replayer: %w", err)
		}
		joe.Replayer = replayer
	}
	server := &sse.Server{
		Provider: joe,
		OnSession: func(w http.ResponseWriter, r *http.Request) ([]string, bool) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Cache-Control", "no-cache")
			err := http.NewResponseController(w).Flush()
			// The writer that it hands out has a Flush with an error, which
			// the controller does not know.
			if f, ok := w.(sse.ResponseWriter); ok && err != nil {
				err = f.Flush()
			}
			return []string{r.URL.Query().Get("stream")}, err == nil
		},
	}
	return &goSSEServer{sse: server, names: channelNames(cfg), http: serveHTTP(ln, server)}, nil
}

type goSSEServer struct {
	sse   *sse.Server
	names []string
	http  *http.Server
}

// Publish implements [Server].
func (s *goSSEServer) Publish(channel int, data string) error {
	message := &sse.Message{}
	message.AppendData(data)
	if err := s.sse.Publish(message, s.names[channel]); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// Close implements [Server].
func (s *goSSEServer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return errors.Join(s.http.Close(), s.sse.Shutdown(ctx))
}
