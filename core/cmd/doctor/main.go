// Command doctor names what is in the way of event streams, between an app and
// its users: see package core/doctor.
//
//	go run github.com/tidings-go/tidings/core/cmd/doctor@latest https://example.com/doctor
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/tidings-go/tidings/core/doctor"
)

// The exit statuses.
const (
	healthy  = 0
	found    = 1 // something is in the way
	unproven = 2 // the doctor could not find out
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second one ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run examines what a command line says, and returns the exit status.
func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, env, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return healthy
	case err != nil:
		return unproven
	}
	r, err := doctor.Examine(ctx, o.config)
	if err == nil {
		err = o.print(stdout, r)
	}
	switch {
	case err != nil:
		_, _ = fmt.Fprintln(stderr, "doctor:", strings.TrimPrefix(err.Error(), "tidings: doctor: "))
		return unproven
	case !r.Healthy():
		return found
	case !r.Complete:
		return unproven
	}
	return healthy
}
