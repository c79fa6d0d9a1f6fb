package notifications

import (
	"context"
	"errors"
	"net"

	"github.com/tidings-go/tidings/examples/internal/program"
)

// Options are what the command line says.
type Options struct {
	// Addr is the address to listen on.
	Addr string
	// DB is the file that notifications are kept in.
	DB string
}

// Main is the program: it reads the command line, and has serve run until
// SIGINT or SIGTERM comes.
func Main(serve func(context.Context, Options) error) {
	var o Options
	flags := program.Flags("notifications", &o.Addr)
	flags.StringVar(&o.DB, "db", "notifications.db", "`file` that notifications are kept in")
	check := func() error {
		if o.DB == "" {
			return errors.New("-db is empty, but must be the name of a file")
		}
		return nil
	}
	program.Main(flags, check, func(ctx context.Context) error { return serve(ctx, o) })
}

// Listen opens the listener, and prints the address for a browser.
func (o Options) Listen(ctx context.Context) (net.Listener, error) {
	return program.Listen(ctx, o.Addr, "The notifications are on")
}
