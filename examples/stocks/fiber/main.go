// Command fiber is the stocks sample in Fiber.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/stocks"
	"github.com/tidings-go/tidings/fibersse"
	"github.com/tidings-go/tidings/middleware"
)

func main() { stocks.Main(serve) }

// serve runs the sample until ctx ends.
func serve(ctx context.Context, o stocks.Options) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	hub := core.NewHub(core.HubConfig{
		Store:  core.NewMemoryStore(core.Retention{Events: o.History, Bytes: -1}),
		Logger: logger,
	})
	market := stocks.NewMarket(hub, o.Min, o.Max)
	gate := fibersse.New(hub, core.GateConfig{Logger: logger, Middleware: []core.Middleware{
		middleware.Logging(logger),
		middleware.Limit(middleware.LimitConfig{PerAddress: 5000}), // a load test has one address
	}})

	app := fiber.New(fiber.Config{DisableStartupMessage: true, ReadTimeout: 5 * time.Second})
	app.Use(recover.New())
	page := func(c *fiber.Ctx) error { return c.Type("html", "utf-8").Send(stocks.Page()) }
	for _, root := range []fiber.Router{app, app.Group("/root")} {
		root.Get("/", page)
		root.Get("/static/", page)
		root.Get("/static/index.html", page)
		root.Get("/stocks", gate.SubscribeFunc(func(c *fiber.Ctx, _ *core.Handshake) (core.Subscription, error) {
			return stocks.Subscription(c.Query("start"))
		}))
		root.Get("/stocks/once", gate.OneShot(market.Next))
		root.Get("/stocks/controller", gate.Handle(core.Control(market)))
		root.Get("/stats", func(c *fiber.Ctx) error { return c.JSON(hub.Stats()) })
	}

	listener, err := o.Listen(ctx)
	if err != nil {
		return err
	}
	go market.Run(ctx)
	failed := make(chan error, 1)
	go func() { failed <- app.Listener(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = hub.Drain(grace)               // clients are told when to reconnect
	_ = app.ShutdownWithContext(grace) // streams that are still open then are cut
	return hub.Close()
}
