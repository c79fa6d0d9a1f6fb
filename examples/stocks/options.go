package stocks

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
	// Min and Max are the bounds of the delay between two quotes.
	Min, Max time.Duration
	// History is the number of events kept.
	History int
}

// Main is the program: it reads the command line, and has serve run until
// SIGINT or SIGTERM comes.
func Main(serve func(context.Context, Options) error) {
	var o Options
	flags := program.Flags("stocks", &o.Addr)
	flags.DurationVar(&o.Min, "min", 500*time.Millisecond, "shortest delay between two quotes")
	flags.DurationVar(&o.Max, "max", 2500*time.Millisecond, "longest delay between two quotes")
	flags.IntVar(&o.History, "history", 1024, "`events` kept for clients that come back")
	program.Main(flags,
		func() error { return check(o) },
		func(ctx context.Context) error { return serve(ctx, o) })
}

// check says what is wrong with options.
func check(o Options) error {
	switch {
	case o.Min < 0:
		return fmt.Errorf("-min is %v, but must not be negative", o.Min)
	case o.Max <= 0:
		return fmt.Errorf("-max is %v, but must be positive", o.Max)
	case o.Min > o.Max:
		return fmt.Errorf("-min is %v, but must not be above -max, which is %v", o.Min, o.Max)
	case o.History < 1:
		return fmt.Errorf("-history is %d, but must be 1 or more", o.History)
	}
	return nil
}

// Listen opens the listener, and prints the address for a browser.
func (o Options) Listen(ctx context.Context) (net.Listener, error) {
	return program.Listen(ctx, o.Addr, "The stocks are on")
}
