// Command fiber is the secure sample in Fiber.
package main

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"github.com/tidings-go/tidings/examples/secure"
	"github.com/tidings-go/tidings/fibersse"
)

func main() { secure.Main(serve) }

// serve runs the sample until ctx ends.
func serve(ctx context.Context, o secure.Options) error {
	app := secure.New(o, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	var market sync.WaitGroup
	defer market.Wait()
	defer app.Close() //nolint:errcheck // It is for early ends; the last line is for the others.

	r := fiber.New(fiber.Config{DisableStartupMessage: true, ReadTimeout: 5 * time.Second}) // streams are exempt
	r.Use(recover.New())
	for _, path := range secure.Paths() {
		r.Get(path, adaptor.HTTPHandler(app.Pages()))
	}
	r.Post("/login", fibersse.Serve(app.Login()))
	r.Post("/logout", fibersse.Serve(app.Logout()))
	r.Get("/events/:channel", fibersse.Serve(app.Events()))
	r.Post(secure.TicketPath, fibersse.Serve(app.Ticket()))
	r.Get(secure.TicketPath+"/:channel", fibersse.Serve(app.TicketEvents()))
	r.Post("/revoke/:user", fibersse.Serve(app.Revoke()))
	r.Post("/restore/:user", fibersse.Serve(app.Restore()))
	r.Get("/metrics", adaptor.HTTPHandler(app.Metrics()))
	monitor := app.Monitor()
	r.Get("/monitor/feed", fibersse.Serve(monitor.Feed())) // the adaptor would collect it
	r.Use("/monitor", adaptor.HTTPHandler(monitor))

	listener, err := o.Listen(ctx)
	if err != nil {
		return err
	}
	market.Go(func() { app.Trade(ctx) })
	failed := make(chan error, 1)
	go func() { failed <- r.Listener(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = app.Hub().Drain(grace)       // clients are told when to reconnect
	_ = r.ShutdownWithContext(grace) // streams that are still open then are cut
	return app.Close()
}
