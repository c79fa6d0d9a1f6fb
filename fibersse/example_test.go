//nolint:testableexamples // They show how to mount, and serve nobody.
package fibersse_test

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/fibersse"
)

// Whoever asks for /stocks gets what is published to the channel.
func ExampleSubscribe() {
	hub := core.NewHub(core.HubConfig{})
	app := fiber.New()
	app.Get("/stocks", fibersse.Subscribe(hub, "stocks"))
}

// A handler sends what it likes, and returns.
func ExampleHandle() {
	hub := core.NewHub(core.HubConfig{})
	app := fiber.New()
	app.Get("/hello", fibersse.Handle(hub, func(s *core.Sender) error {
		return s.Send(core.Event{Name: "greeting", Data: "Hello!"})
	}))
}

// The request says which channel it is about. Fiber's own errors refuse, too.
func ExampleGate_SubscribeFunc() {
	hub := core.NewHub(core.HubConfig{})
	gate := fibersse.New(hub, core.GateConfig{Start: core.Last(10)})
	app := fiber.New()
	app.Get("/rooms/:room", gate.SubscribeFunc(func(c *fiber.Ctx, _ *core.Handshake) (core.Subscription, error) {
		if c.Locals("user") == nil { // as some middleware has set it
			return core.Subscription{}, fiber.NewError(fiber.StatusUnauthorized, "Log in first.")
		}
		return core.Subscription{Channels: []string{"room " + c.Params("room")}}, nil
	}))
}

// A page changes what it listens to without a new connection: it posts its
// stream's ID, which it was told, with the channels to add and to remove.
func ExampleGate_ChangeChannels() {
	hub := core.NewHub(core.HubConfig{})
	gate := fibersse.New(hub, core.GateConfig{})
	app := fiber.New()
	app.Get("/events", gate.SubscribeFunc(func(_ *fiber.Ctx, h *core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{"lobby"}}, h.Send(core.Event{Name: "stream", Data: h.ID()})
	}))
	app.Post("/channels", gate.ChangeChannels(func(_ *core.Stream, add []string) error {
		if slices.Contains(add, "staff") {
			return core.Refuse(fiber.StatusForbidden, "Not for you.")
		}
		return nil
	}))
}
