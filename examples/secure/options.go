package secure

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/tidings-go/tidings/examples/internal/program"
)

// Options are what the command line says.
type Options struct {
	// Addr is the address to listen on.
	Addr string
	// Every is the time between two prices.
	Every time.Duration
	// Session is how long a session lasts.
	Session time.Duration
	// PerUser and PerAddress bound the streams of a user, and of an address.
	PerUser, PerAddress int
	// Rate bounds the new streams of an address, per second.
	Rate float64
	// Secure has browsers send cookies over TLS only.
	Secure bool
}

// Main is the program: it reads the command line, and has serve run until
// SIGINT or SIGTERM comes.
func Main(serve func(context.Context, Options) error) {
	var o Options
	flags := program.Flags("secure", &o.Addr)
	flags.DurationVar(&o.Every, "every", 700*time.Millisecond, "time between two prices")
	flags.DurationVar(&o.Session, "session", 30*time.Minute, "how long a session lasts")
	flags.IntVar(&o.PerUser, "per-user", 8, "`streams` of a user at most")
	flags.IntVar(&o.PerAddress, "per-address", 50, "`streams` of an address at most")
	flags.Float64Var(&o.Rate, "rate", 10, "new `streams` of an address per second at most")
	flags.BoolVar(&o.Secure, "secure", false, "cookies for TLS only: set it behind a proxy that ends TLS")
	check := func() error {
		if o.Every <= 0 || o.Session < time.Second || o.PerUser < 1 || o.PerAddress < 1 || o.Rate < 1 {
			return errors.New("times and limits must be positive: -session 1s or more, limits 1 or more")
		}
		return nil
	}
	program.Main(flags, check, func(ctx context.Context) error { return serve(ctx, o) })
}

// Listen opens the listener, and prints the address for a browser.
func (o Options) Listen(ctx context.Context) (net.Listener, error) {
	return program.Listen(ctx, o.Addr, "The market is on")
}
