//nolint:testableexamples // They show how to mount endpoints, and serve no requests.
package fibersse_test

import (
	"context"
	"os"

	"github.com/gofiber/fiber/v2"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/fibersse"
	"github.com/tidings-go/tidings/middleware"
)

// A handler of the app's own, behind the app's own login, issues tickets. The
// page opens its stream with one: new EventSource("/events?ticket=" + ticket).
func ExampleGate_Subscribe_tickets() {
	hub := core.NewHub(core.HubConfig{})
	tickets := middleware.NewTickets(middleware.TicketConfig{
		Keys: [][]byte{[]byte(os.Getenv("TICKET_KEY"))}, // 32 random bytes
		Path: "/events",
	})
	gate := fibersse.New(hub, core.GateConfig{Middleware: []core.Middleware{tickets.Middleware}})
	app := fiber.New()
	app.Get("/events", gate.Subscribe("news"))
	app.Post("/ticket", login, func(c *fiber.Ctx) error {
		user, _ := c.Locals("user").(string)
		ticket, err := tickets.Issue(middleware.Grant{
			Identity: user,
			Rights:   &core.Rights{Channels: []string{"news"}},
		})
		if err != nil {
			return err
		}
		return c.JSON(fiber.Map{"ticket": ticket})
	})
}

// With no handler of its own, an app has an endpoint issue tickets, behind a gate
// that asks for tokens.
func ExampleServe_tickets() {
	hub := core.NewHub(core.HubConfig{})
	tickets := middleware.NewTickets(middleware.TicketConfig{
		Keys: [][]byte{[]byte(os.Getenv("TICKET_KEY"))},
		Path: "/events",
	})
	users := core.NewGate(hub, core.GateConfig{Middleware: []core.Middleware{
		middleware.Origin(),
		middleware.Auth(middleware.AuthConfig{Check: checkToken}),
	}})
	app := fiber.New()
	app.Post("/ticket", fibersse.Serve(tickets.Endpoint(users, func(h *core.Handshake) (middleware.Grant, error) {
		return middleware.Grant{Identity: h.Identity(), Rights: &core.Rights{Channels: []string{"news"}}}, nil
	})))
}

// login stands for the app's own middleware, which knows the user.
func login(c *fiber.Ctx) error {
	c.Locals("user", "ann")
	return c.Next()
}

// checkToken stands for a look at the app's sessions.
func checkToken(context.Context, string) (middleware.Grant, error) {
	return middleware.Grant{Identity: "ann"}, nil
}
