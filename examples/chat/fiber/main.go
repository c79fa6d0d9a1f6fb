// Command fiber is the chat sample in Fiber.
package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/chat"
	"github.com/tidings-go/tidings/fibersse"
	"github.com/tidings-go/tidings/middleware"
)

func main() { chat.Main(serve) }

// serve runs the sample until ctx ends.
func serve(ctx context.Context, o chat.Options) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	room := chat.NewRoom(core.HubConfig{
		Store:  core.NewMemoryStore(core.Retention{Events: o.History}),
		Logger: logger,
	}, o.Grace)
	hub := room.Hub()
	gate := fibersse.New(hub, core.GateConfig{
		Logger: logger,
		Retry:  time.Second,
		Start:  core.Snapshot(),
		Middleware: []core.Middleware{
			middleware.Logging(logger),
			middleware.Limit(middleware.LimitConfig{PerAddress: 5000}), // a load test has one address
			room.Enter, // it knows who it is, or refuses
		},
	})

	app := fiber.New(fiber.Config{DisableStartupMessage: true, ReadTimeout: 5 * time.Second})
	app.Use(recover.New())
	app.Get("/", func(c *fiber.Ctx) error {
		if cookie := chat.SetCookie(c.Get("Cookie")); cookie != "" {
			c.Set("Set-Cookie", cookie)
		}
		c.Set("Cache-Control", "no-store") // no two clients share a cookie
		return c.Type("html", "utf-8").Send(chat.Page())
	})
	app.Get("/chat", gate.Subscribe(chat.Talk, chat.Online))
	app.Get("/api/users", func(c *fiber.Ctx) error { return c.JSON(room.Users()) })
	app.Post("/api/messages", func(c *fiber.Ctx) error {
		message, err := room.Post(c.UserContext(), chat.Session(c.Get("Cookie")), c.Body())
		if err != nil {
			return c.Status(chat.Status(err)).JSON(fiber.Map{"error": err.Error()})
		}
		return c.Status(http.StatusCreated).JSON(message)
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
