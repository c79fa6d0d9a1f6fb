package stocks

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
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

// ParseOptions reads a command line. It has said what is wrong, and how it
// would be right, when it returns an error; [flag.ErrHelp] if that was asked
// for.
func ParseOptions(args []string, stderr io.Writer) (Options, error) {
	var o Options
	flags := flag.NewFlagSet("stocks", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.Addr, "addr", ":8080", "`address` to listen on")
	flags.DurationVar(&o.Min, "min", 500*time.Millisecond, "shortest delay between two quotes")
	flags.DurationVar(&o.Max, "max", 2500*time.Millisecond, "longest delay between two quotes")
	flags.IntVar(&o.History, "history", 1024, "`events` kept for clients that come back")
	if err := flags.Parse(args); err != nil {
		return o, err //nolint:wrapcheck // The flag package has printed it.
	}
	err := o.check(flags.Args())
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "stocks: %v\n", err)
		flags.Usage()
	}
	return o, err
}

func (o Options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("what is %q? There are flags only", rest[0])
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

// Main is the program: it reads the command line, and has serve run until
// SIGINT or SIGTERM comes. A second one ends the program at once. What serve
// returns is printed, and makes the status 1; a wrong command line makes it 2.
func Main(serve func(context.Context, Options) error) {
	options, err := ParseOptions(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case err != nil:
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from then on signals do what they always do
	if err := serve(ctx, options); err != nil {
		fmt.Fprintln(os.Stderr, "stocks:", err)
		os.Exit(1)
	}
}

// Listen opens the listener, and prints the address for a browser.
func (o Options) Listen(ctx context.Context) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", o.Addr)
	if err != nil {
		return nil, err //nolint:wrapcheck // It says all.
	}
	host, port, err := net.SplitHostPort(l.Addr().String())
	if ip := net.ParseIP(host); err != nil || ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	_, _ = fmt.Fprintf(os.Stdout, "The stocks are on http://%s/ (Ctrl-C ends the program)\n", net.JoinHostPort(host, port))
	return l, nil
}
