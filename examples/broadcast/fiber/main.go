// Command fiber is the broadcast sample in Fiber.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/broadcast"
	"github.com/tidings-go/tidings/fibersse"
)

func main() { broadcast.Main(serve) }

// serve runs the sample until ctx ends.
func serve(ctx context.Context, o broadcast.Options) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	hub := core.NewHub(core.HubConfig{Logger: logger})
	gate := fibersse.New(hub, core.GateConfig{Retry: time.Second, Logger: logger})
	stream := gate.Subscribe(broadcast.Channel)

	app := fiber.New(fiber.Config{DisableStartupMessage: true, ReadTimeout: 5 * time.Second})
	app.Use(recover.New())
	app.Get("/", func(c *fiber.Ctx) error { // and HEAD
		switch c.Query("mode") {
		case "stream":
			return stream(c)
		case "broadcast":
			// The client whose request is HEAD wants to know, not to act.
			if c.Method() == fiber.MethodGet {
				if _, err := hub.Publish(c.UserContext(), broadcast.Channel, broadcast.Ping(time.Now())); err != nil {
					return fiber.NewError(fiber.StatusServiceUnavailable, "Not broadcasted.")
				}
			}
			c.Set(fiber.HeaderCacheControl, "no-store")
			return c.SendString(fmt.Sprintf("Broadcasted to %d clients.", hub.Count(broadcast.Channel)))
		default:
			return c.Type("html", "utf-8").Send(broadcast.Page())
		}
	})

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
	return hub.Close()
}
