//nolint:testableexamples // They show how to mount endpoints, and serve no requests.
package fibersse_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/fibersse"
)

// Clients of /stocks get the events that are published to the channel.
func ExampleSubscribe() {
	hub := core.NewHub(core.HubConfig{})
	app := fiber.New()
	app.Get("/stocks", fibersse.Subscribe(hub, "stocks"))
}

// A handler sends events and returns.
func ExampleHandle() {
	hub := core.NewHub(core.HubConfig{})
	app := fiber.New()
	app.Get("/hello", fibersse.Handle(hub, func(s *core.Sender) error {
		return s.Send(core.Event{Name: "greeting", Data: "Hello!"})
	}))
}

// The request selects the channel. An error of Fiber refuses it.
func ExampleGate_SubscribeFunc() {
	hub := core.NewHub(core.HubConfig{})
	gate := fibersse.New(hub, core.GateConfig{Start: core.Last(10)})
	app := fiber.New()
	app.Get("/rooms/:room", gate.SubscribeFunc(func(c *fiber.Ctx, _ *core.Handshake) (core.Subscription, error) {
		if c.Locals("user") == nil { // set by a middleware
			return core.Subscription{}, fiber.NewError(fiber.StatusUnauthorized, "Log in first.")
		}
		return core.Subscription{Channels: []string{"room " + c.Params("room")}}, nil
	}))
}

// A page changes its channels without a new connection: it posts its stream's
// ID, which the stream has sent, and the channels to add and to remove.
func ExampleGate_ChangeChannels() {
	hub := core.NewHub(core.HubConfig{})
	gate := fibersse.New(hub, core.GateConfig{})
	app := fiber.New()
	app.Get("/events", gate.SubscribeFunc(func(_ *fiber.Ctx, h *core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{"lobby"}}, h.Send(core.Event{Name: "stream", Data: h.ID()})
	}))
	app.Post("/channels", gate.ChangeChannels(func(_ *core.Stream, add []string) error {
		if slices.Contains(add, "staff") {
			return core.Refuse(fiber.StatusForbidden, "Not allowed.")
		}
		return nil
	}))
}

// A handler of any kind stops its work when its client disconnects.
func ExampleContext() {
	app := fiber.New()
	app.Get("/report", func(c *fiber.Ctx) error {
		rows, err := query(fibersse.Context(c), c.Query("year"))
		if err != nil {
			return err
		}
		return c.JSON(rows)
	})
}

// query stands for a database or an upstream that takes a context.
func query(ctx context.Context, year string) ([]string, error) { return []string{year}, ctx.Err() }

// All handlers have such a context as their user context. A long poll tells the
// client that leaves from the time that is up.
func ExampleContext_middleware() {
	app := fiber.New()
	app.Use(func(c *fiber.Ctx) error {
		c.SetUserContext(fibersse.Context(c))
		return c.Next()
	})
	news := make(chan string)
	app.Get("/poll", func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(c.UserContext(), time.Minute)
		defer cancel()
		select {
		case text := <-news:
			return c.SendString(text)
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), core.ErrClientGone) {
				return nil // the client has disconnected
			}
			return c.SendStatus(fiber.StatusNoContent)
		}
	})
}
