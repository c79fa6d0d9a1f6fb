// Command fiber is the notifications sample in Fiber.
package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
	"github.com/tidings-go/tidings/core/browser"
	"github.com/tidings-go/tidings/examples/notifications"
	"github.com/tidings-go/tidings/fibersse"
	"github.com/tidings-go/tidings/middleware"
)

func main() { notifications.Main(serve) }

// serve runs the sample until ctx ends.
func serve(ctx context.Context, o notifications.Options) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	store, err := boltstore.Open(o.DB, boltstore.Config{Retention: notifications.Retention(), Logger: logger})
	if err != nil {
		return err
	}
	hub := core.NewHub(core.HubConfig{Store: store, Logger: logger})
	defer hub.Close() //nolint:errcheck // It is for early ends; the last line is for the others.
	gate := fibersse.New(hub, core.GateConfig{
		Middleware: []core.Middleware{middleware.Logging(logger)},
		Logger:     logger,
	})

	app := fiber.New(fiber.Config{
		DisableStartupMessage: true,
		ReadTimeout:           5 * time.Second,
		ErrorHandler:          refuse(logger),
	})
	app.Use(recover.New())
	app.Get("/", func(c *fiber.Ctx) error { return c.Type("html", "utf-8").Send(notifications.Page()) })
	app.Get("/tidings.js", adaptor.HTTPHandler(browser.Handler()))
	app.Get("/api/notifications", latest(hub))
	app.Post("/api/notifications", push(hub))
	app.Get("/api/notifications/stream", gate.SubscribeFunc(func(c *fiber.Ctx, _ *core.Handshake) (core.Subscription, error) {
		return notifications.Subscription(c.Query("last"))
	}))

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
	_ = hub.Drain(grace)               // clients are told when to reconnect
	_ = app.ShutdownWithContext(grace) // streams that are still open then are cut
	return hub.Close()                 // and the file
}

// latest returns the handler that answers with the last notifications, and where
// the stream goes on from them.
func latest(hub *core.Hub) fiber.Handler {
	return func(c *fiber.Ctx) error {
		list, err := notifications.Latest(c.UserContext(), hub)
		if err != nil {
			return err
		}
		return c.JSON(list)
	}
}

// push returns the handler that publishes what a request asks for, and answers
// with its ID. By then it is on the disk.
func push(hub *core.Hub) fiber.Handler {
	return func(c *fiber.Ctx) error {
		event, err := notifications.Event(bytes.NewReader(c.Body()))
		if err != nil {
			return err
		}
		id, err := hub.Publish(c.UserContext(), notifications.Channel, event)
		if err != nil {
			return err
		}
		return c.Status(fiber.StatusCreated).JSON(fiber.Map{"id": id})
	}
}

// refuse returns what answers for a handler that failed, and for Fiber itself:
// where there is no such route, where the body is too large.
func refuse(logger *slog.Logger) fiber.ErrorHandler {
	return func(c *fiber.Ctx, err error) error {
		status, message := notifications.Explain(err)
		var own *fiber.Error
		if errors.As(err, &own) {
			status, message = own.Code, own.Message
		}
		if status == fiber.StatusInternalServerError {
			logger.Error("request", "path", c.Path(), "error", err)
		}
		return c.Status(status).JSON(fiber.Map{"error": message})
	}
}
