// Command fiber is the heartbeat sample in Fiber.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/heartbeat"
	"github.com/tidings-go/tidings/fibersse"
	"github.com/tidings-go/tidings/middleware"
)

func main() { heartbeat.Main(serve) }

// serve runs the sample until ctx ends.
func serve(ctx context.Context, o heartbeat.Options) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	hub := core.NewHub(core.HubConfig{Logger: logger})
	gate := fibersse.New(hub, core.GateConfig{
		Retry:      heartbeat.Retry,
		Middleware: []core.Middleware{middleware.Logging(logger)},
		Logger:     logger,
	})

	app := fiber.New(fiber.Config{DisableStartupMessage: true, ReadTimeout: 5 * time.Second})
	app.Use(recover.New())
	app.Get(heartbeat.Path, gate.Handle(heartbeat.Beat))
	app.Get("/", func(c *fiber.Ctx) error { return c.Type("html", "utf-8").Send(heartbeat.Page()) })

	listener, err := o.Listen(ctx)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- app.Listener(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = hub.Drain(grace)               // handlers are told to finish
	_ = app.ShutdownWithContext(grace) // streams that are still open then are cut
	return hub.Close()
}
