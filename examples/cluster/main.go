// Command cluster is the stocks sample on three nodes, one in Gin, one in Fiber
// and one in plain net/http, each of them a process that can be killed. They share
// their history in one engine, behind a proxy that this program is, too.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tidings-go/tidings/examples/internal/program"
)

// options are what the command line says.
type options struct {
	addr, engine, url string
	every             time.Duration
}

func main() {
	if c, isChild := childOf(os.Getenv(childVariable)); isChild {
		os.Exit(c.main())
	}
	var o options
	flags := program.Flags("cluster", &o.addr)
	flags.StringVar(&o.engine, "engine", nats, "`name` of what keeps the history: "+strings.Join(engines(), ", "))
	flags.StringVar(&o.url, "url", "", "`address` of an engine that runs already. Default: for nats, one of the program's own")
	flags.DurationVar(&o.every, "every", 250*time.Millisecond, "time between two prices")
	program.Main(flags,
		o.check,
		func(ctx context.Context) error { return serve(ctx, o) })
}

// check says what is wrong with options.
func (o *options) check() error {
	switch _, err := url.Parse(o.url); {
	case o.engine == "memory":
		return errors.New("-engine memory is of no use here: nodes share nothing in it")
	case !slices.Contains(engines(), o.engine):
		return fmt.Errorf("-engine is %q, but must be one of %s", o.engine, strings.Join(engines(), ", "))
	case o.engine != nats && o.url == "":
		return fmt.Errorf("-engine %s needs the -url of a server that runs, like %s", o.engine, urlLike(o.engine))
	case err != nil:
		return errors.New("-url is none") // it may hold a password, which is not printed
	case o.every < time.Millisecond:
		return fmt.Errorf("-every is %v, but must be 1ms or more", o.every)
	}
	return nil
}

// serve runs the cluster until ctx ends.
func serve(ctx context.Context, o options) error {
	if o.url != "" {
		if err := reach(ctx, o.engine, o.url); err != nil {
			return err
		}
	}
	listener, err := program.Listen(ctx, o.addr, "The cluster is on")
	if err != nil {
		return fmt.Errorf("%w; choose another port with -addr", err)
	}
	c, err := newCluster(o)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return c.run(ctx, listener)
}
