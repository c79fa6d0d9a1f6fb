//go:build linux

// Command bench compares Tidings with other ways to serve event streams on one
// machine: server and load on a core each, one contender after the other,
// several rounds.
//
//	go run . -quick          # does it work?
//	go run . -rounds 3       # everything, for more than an hour
//	go run . -only tidings-gin,raw -scenario steady
//	go run . -only tidings-gin -before /tmp/bench-before
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// options are the command line's.
type options struct {
	only, scenarios, jsonFile, svgDir, profiles, before string
	nginx, quick, list                                  bool
	rounds, clients                                     int
	seconds                                             float64
}

func main() {
	err := run(os.Args[1:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if done, err := role(args); done {
		return err
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.only, "only", "", "contenders to run, separated by commas (default: all)")
	flags.StringVar(&o.scenarios, "scenario", "", "scenarios to run, separated by commas (default: all)")
	flags.IntVar(&o.rounds, "rounds", 3, "how often to measure everything")
	flags.IntVar(&o.clients, "clients", 0, "clients at most in any scenario (default: what the scenario asks for)")
	flags.Float64Var(&o.seconds, "seconds", 10, "how long to measure, in scenarios that have a duration")
	flags.BoolVar(&o.quick, "quick", false, "less than a minute: does it all work? The numbers mean nothing")
	flags.StringVar(&o.jsonFile, "json", "", "file for the results in JSON")
	flags.StringVar(&o.svgDir, "svg", "", "directory for the plots")
	flags.StringVar(&o.profiles, "profile", "", "directory for profiles of the servers")
	flags.StringVar(&o.before, "before", "",
		"another build of this program, whose Tidings contenders take part as NAME@before")
	flags.BoolVar(&o.nginx, "nginx", false, "have each Tidings contender take part behind nginx, too, as NAME@nginx")
	flags.BoolVar(&o.list, "list", false, "list contenders and scenarios, and end")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected arguments: %s", strings.Join(flags.Args(), " "))
	}
	if o.rounds < 1 || o.seconds <= 0 {
		return errors.New("nothing to do: -rounds and -seconds must be positive")
	}
	if o.quick {
		o.rounds = 1
		o.seconds = 0.25
		if o.clients == 0 {
			o.clients = 100
		}
	}
	if o.before != "" {
		// A name without a slash would be looked for in PATH.
		path, err := filepath.Abs(o.before)
		if err != nil {
			return fmt.Errorf("program before: %w", err)
		}
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("program before: %w", err)
		}
		o.before = path
	}
	return newRunner(o).run()
}
