// Command client shows the events of a stream in a terminal.
//
//	go run ./examples/client http://localhost:8080/stocks
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/tidings-go/tidings/core/client"
)

func main() {
	o, err := parseOptions(os.Args[1:], os.Stdin, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case err != nil:
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second one ends the program at once
	if err := show(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "client:", describe(err))
		os.Exit(1)
	}
}

// show shows events until the stream is over, or ctx is.
func show(ctx context.Context, o options) error {
	p := &printer{out: os.Stdout, states: os.Stderr, json: o.json}
	o.config.Handlers = client.Handlers{
		Open:      func(http.Header) { p.state("open") },
		Reconnect: p.reconnect,
		Close:     p.close,
	}
	c, err := client.New(o.config)
	if err != nil {
		return err //nolint:wrapcheck // It says all.
	}
	p.state("connecting")
	for ev, err := range c.Events(ctx) {
		if err == nil {
			err = p.event(ev)
		}
		if ctx.Err() != nil {
			return nil // this is how one ends it
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// describe returns an error in one line, with what the server says.
func describe(err error) string {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "tidings: "), "client gave up: ")
	var status *client.StatusError
	if errors.As(err, &status) && status.Excerpt != "" {
		text += ": " + status.Excerpt
	}
	return harmless(text, 300)
}
