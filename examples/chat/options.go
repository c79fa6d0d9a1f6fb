package chat

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/tidings-go/tidings/examples/internal/program"
)

// Options are what the command line says.
type Options struct {
	// Addr is the address to listen on.
	Addr string
	// Grace is how long a name stays reserved after its user left.
	Grace time.Duration
	// History is the number of messages kept.
	History int
}

// Main is the program: it reads the command line, and has serve run until the
// program is told to end.
func Main(serve func(context.Context, Options) error) {
	var o Options
	flags := program.Flags("chat", &o.Addr)
	flags.DurationVar(&o.Grace, "grace", 3*time.Second, "for how long a name stays with whoever left")
	flags.IntVar(&o.History, "history", 1024, "`messages` kept for clients that come back")
	program.Main(flags,
		func() error { return check(o) },
		func(ctx context.Context) error { return serve(ctx, o) })
}

// check says what is wrong with options.
func check(o Options) error {
	switch {
	case o.Grace < 0:
		return fmt.Errorf("-grace is %v, but must not be negative", o.Grace)
	case o.History < 1:
		return fmt.Errorf("-history is %d, but must be 1 or more", o.History)
	}
	return nil
}

// Listen opens the listener, and prints the address for a browser.
func (o Options) Listen(ctx context.Context) (net.Listener, error) {
	return program.Listen(ctx, o.Addr, "The chat is on")
}
