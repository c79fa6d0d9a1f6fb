// Package program is what the samples' programs have in common besides
// streams: the command line, the signals that end them, and the listener.
package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
)

// Flags returns the flags of a sample, with the one that all have.
func Flags(name string, addr *string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.StringVar(addr, "addr", ":8080", "`address` to listen on")
	return flags
}

// Main is a sample's program: it reads the command line, has check judge what
// was read, if it is not nil, and then serve run until SIGINT or SIGTERM comes.
// A second one ends the program at once. What serve returns is printed, and
// makes the status 1; a wrong command line makes it 2.
func Main(flags *flag.FlagSet, check func() error, serve func(context.Context) error) {
	err := flags.Parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case err != nil: // which was printed
		os.Exit(2)
	}
	if rest := flags.Args(); len(rest) > 0 {
		err = fmt.Errorf("what is %q? There are flags only", rest[0])
	} else if check != nil {
		err = check()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", flags.Name(), err)
		flags.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from then on signals do what they always do
	if err := serve(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", flags.Name(), err)
		os.Exit(1)
	}
}

// Listen opens the listener, and prints where a browser finds what: it is the
// beginning of a sentence.
func Listen(ctx context.Context, addr, what string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err //nolint:wrapcheck // It says all.
	}
	host, port, err := net.SplitHostPort(l.Addr().String())
	if ip := net.ParseIP(host); err != nil || ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	_, _ = fmt.Fprintf(os.Stdout, "%s http://%s/ (Ctrl-C ends the program)\n", what, net.JoinHostPort(host, port))
	return l, nil
}
