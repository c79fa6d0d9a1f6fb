//go:build linux

package contender

import (
	"io"
	"log"
	"net"
	"net/http"

	"github.com/tidings-go/tidings/examples/bench/internal/wire"
)

// serveHTTP serves a handler with a plain http.Server, whose timeouts would
// end streams and are therefore off.
func serveHTTP(ln net.Listener, h http.Handler) *http.Server {
	server := &http.Server{
		Handler:     h,
		ConnContext: connContext,
		// Some contenders answer twice when a client is gone.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() {
		// It ends with Close, and has nothing to say then.
		_ = server.Serve(ln)
	}()
	return server
}

// channelNames returns the names of all channels.
func channelNames(cfg Config) []string {
	names := make([]string, max(cfg.Channels, 1))
	for i := range names {
		names[i] = wire.Channel(i)
	}
	return names
}
