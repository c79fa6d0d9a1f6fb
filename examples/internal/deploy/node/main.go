// Command node is an app that is restarted: it publishes numbers, keeps them in
// a file, and ends in the order that load balancers and browsers need.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
	"github.com/tidings-go/tidings/core/browser"
	"github.com/tidings-go/tidings/examples/internal/program"
	"github.com/tidings-go/tidings/ginsse"
)

// options are what the command line says.
type options struct {
	addr, db            string
	delay, grace, retry time.Duration
}

func main() {
	var o options
	flags := program.Flags("node", &o.addr)
	flags.StringVar(&o.db, "db", "node.db", "`file` that events are kept in")
	durations(flags, &o)
	program.Main(flags, nil, func(ctx context.Context) error { return serve(ctx, o) })
}

func durations(flags *flag.FlagSet, o *options) {
	flags.DurationVar(&o.delay, "delay", 0, "time for load balancers to notice")
	flags.DurationVar(&o.grace, "grace", 400*time.Millisecond, "time for streams to end, after the delay")
	flags.DurationVar(&o.retry, "retry", 50*time.Millisecond, "time after which clients come back")
}

// serve runs the app until ctx ends.
func serve(ctx context.Context, o options) error {
	store, err := boltstore.Open(o.db, boltstore.Config{Sync: boltstore.SyncInterval})
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	hub := core.NewHub(core.HubConfig{Store: store, DrainDelay: o.delay})
	defer hub.Close() //nolint:errcheck // It is for early ends; the last line is for the others.
	listener, err := program.Listen(ctx, o.addr, "The node is on")
	if err != nil {
		return err //nolint:wrapcheck // It says all.
	}
	server := &http.Server{Handler: routes(hub, o.retry), ReadTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done(): // SIGTERM
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.delay+o.grace)
	defer cancel()
	_ = hub.Drain(grace) // not ready; the delay; farewells
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = server.Shutdown(ending) // the other requests
	return hub.Close()          // the file
}

// routes returns the app's routes.
func routes(hub *core.Hub, retry time.Duration) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.GET("/", func(c *gin.Context) {
		c.Data(http.StatusOK, "text/html; charset=utf-8", []byte("<!doctype html><title>node</title>"))
	})
	r.GET("/tidings.js", gin.WrapH(browser.Handler()))
	r.GET("/ready", ginsse.Serve(core.Readiness(hub)))
	r.GET("/events", ginsse.New(hub, core.GateConfig{Retry: retry}).Subscribe("numbers"))
	r.GET("/stats", func(c *gin.Context) { c.JSON(http.StatusOK, hub.Stats()) })
	r.POST("/publish/:number", func(c *gin.Context) {
		number := c.Param("number")
		id, err := hub.Publish(c.Request.Context(), "numbers", core.Event{Data: number}, core.Once(number))
		if err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
			return
		}
		c.String(http.StatusOK, id)
	})
	return r
}
