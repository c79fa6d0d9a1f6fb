package fibersse_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/client"
	"github.com/tidings-go/tidings/fibersse"
	"github.com/tidings-go/tidings/middleware"
)

// The endpoints of a gate share middleware, heartbeat, timeouts and lifetime.
func ExampleNew() {
	hub := core.NewHub(core.HubConfig{})
	gate := fibersse.New(hub, core.GateConfig{
		Middleware: []core.Middleware{
			middleware.Logging(slog.New(slog.DiscardHandler)),
			middleware.Limit(middleware.LimitConfig{PerAddress: 20}),
			func(h *core.Handshake) error {
				h.SetIdentity(h.Request().Header.Get("X-User")) // set by the proxy that signs users in
				return h.Join("everyone")
			},
		},
		Heartbeat: 20 * time.Second,
		Start:     core.Earliest(),
	})
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/events", gate.Subscribe("lobby"))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(listener) }()

	ctx := context.Background()
	for _, to := range []core.Audience{core.ToIdentity("ann"), core.ToIdentity("bob"), core.ToGroup("everyone")} {
		if _, err = hub.Publish(ctx, "lobby", core.Event{Data: "for " + to.String()}, core.Only(to)); err != nil {
			fmt.Println(err)
		}
	}
	c, err := client.New(client.Config{
		URL:    "http://" + listener.Addr().String() + "/events",
		Header: http.Header{"X-User": {"bob"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for ev, err := range c.Events(ctx) {
		if fmt.Println(ev.Data, err); ev.Data == "for group:everyone" {
			break
		}
	}
	// For a deploy: streams are told when to reconnect, and end.
	fmt.Println(hub.Drain(ctx), app.Shutdown(), <-served, hub.Close())
	// Output:
	// for identity:bob <nil>
	// for group:everyone <nil>
	// <nil> <nil> <nil> <nil>
}
