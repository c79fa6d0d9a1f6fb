//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
	"github.com/tidings-go/tidings/examples/bench/internal/load"
	"github.com/tidings-go/tidings/examples/bench/internal/serve"
	"github.com/tidings-go/tidings/examples/bench/internal/target"
)

// role runs this program as one of the processes that the runner starts, if
// the arguments say so.
func role(args []string) (done bool, err error) {
	if len(args) == 0 {
		return false, nil
	}
	switch args[0] {
	case "load":
		return true, load.Run(int(os.Stdin.Fd()), os.Stdout, target.Limit)
	case "server":
		return true, server(args[1:])
	default:
		return false, nil
	}
}

func server(args []string) error {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says enough
	name := flags.String("name", "", "who serves")
	channels := flags.Int("channels", 1, "how many channels there are")
	history := flags.Bool("history", false, "keep events for clients that come back")
	leaves := flags.Bool("leaves", false, "note when clients leave")
	keys := flags.Int("keys", 0, "have the channels conflate events of so many keys")
	profile := flags.String("profile", "", "file for a profile of the processor")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	who, ok := contender.Find(*name)
	if !ok {
		return errors.New("no such contender: " + *name)
	}
	return serve.Run(os.Stdin, os.Stdout, serve.Options{
		Contender: who,
		Config:    contender.Config{Channels: *channels, History: *history, Keys: *keys, Leaves: *leaves},
		Limit:     target.Limit,
		Profile:   *profile,
	})
}
