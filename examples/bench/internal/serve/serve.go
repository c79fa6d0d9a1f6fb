//go:build linux

// Package serve is the server program: one contender, which publishes on
// command. Commands are lines of JSON on its standard input, a [wire.Order]
// each; it answers each with a [wire.Done] on its standard output, after a
// first line that is its address.
package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
	"github.com/tidings-go/tidings/examples/bench/internal/wire"
)

// Options say what to serve.
type Options struct {
	Contender contender.Contender
	Config    contender.Config
	// Limit is how long the program runs at most.
	Limit time.Duration
	// Profile is the file that a profile of the processor is written to, if
	// any.
	Profile string
}

// Run serves until the commands end.
func Run(commands io.Reader, answers io.Writer, o Options) error {
	ctx, cancel := context.WithTimeout(context.Background(), o.Limit)
	defer cancel()
	if o.Profile != "" {
		stop, err := profile(o.Profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	addr := ln.Addr().String()
	server, err := o.Contender.Start(ln, o.Config)
	if err != nil {
		return fmt.Errorf("start of %s: %w", o.Contender.Name, err)
	}
	if _, err := fmt.Fprintln(answers, addr); err != nil {
		return fmt.Errorf("address: %w", err)
	}
	finished := make(chan error, 1)
	go func() { finished <- obey(commands, answers, server) }()
	select {
	case err := <-finished:
		// The process ends, and with it whatever the server leaves behind:
		// some contenders do not get through their Close.
		return err
	case <-ctx.Done():
		return errors.New("the server was not told to end in time")
	}
}

func obey(commands io.Reader, answers io.Writer, server contender.Server) error {
	publisher := wire.NewPublisher(server.Publish)
	encoder := json.NewEncoder(answers)
	lines := bufio.NewScanner(commands)
	for lines.Scan() {
		var order wire.Order
		if err := json.Unmarshal(lines.Bytes(), &order); err != nil {
			return fmt.Errorf("order: %w", err)
		}
		done := publisher.Run(order)
		if l, ok := server.(contender.Leaver); ok && order.Leaves > 0 {
			done.Left, _ = l.Left(order.Leaves, order.Grace)
		}
		done.Goroutines = runtime.NumGoroutine()
		if err := encoder.Encode(done); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("orders: %w", err)
	}
	return nil
}

// profile begins a profile, which stop ends.
func profile(name string) (stop func(), err error) {
	file, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(fmt.Errorf("profile: %w", err), file.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		if err := file.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "profile:", err)
		}
	}, nil
}
