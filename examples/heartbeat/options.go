package heartbeat

import (
	"context"
	"net"

	"github.com/tidings-go/tidings/examples/internal/program"
)

// Options are what the command line says.
type Options struct {
	// Addr is the address to listen on.
	Addr string
}

// Main is the program: it reads the command line, and has serve run until
// SIGINT or SIGTERM comes.
func Main(serve func(context.Context, Options) error) {
	var o Options
	flags := program.Flags("heartbeat", &o.Addr)
	program.Main(flags, nil, func(ctx context.Context) error { return serve(ctx, o) })
}

// Listen opens the listener, and prints the address for a browser.
func (o Options) Listen(ctx context.Context) (net.Listener, error) {
	return program.Listen(ctx, o.Addr, "The heartbeats are on")
}
