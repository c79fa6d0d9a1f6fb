//nolint:testableexamples // They show how to mount endpoints, and serve no requests.
package ginsse_test

import (
	"context"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/ginsse"
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
	gate := ginsse.New(hub, core.GateConfig{Middleware: []core.Middleware{tickets.Middleware}})
	r := gin.New()
	r.GET("/events", gate.Subscribe("news"))
	r.POST("/ticket", login, func(c *gin.Context) {
		ticket, err := tickets.Issue(middleware.Grant{
			Identity: c.GetString("user"),
			Rights:   &core.Rights{Channels: []string{"news"}},
		})
		if err != nil {
			_ = c.AbortWithError(http.StatusInternalServerError, err)
			return
		}
		c.JSON(http.StatusOK, gin.H{"ticket": ticket})
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
	r := gin.New()
	r.POST("/ticket", ginsse.Serve(tickets.Endpoint(users, func(h *core.Handshake) (middleware.Grant, error) {
		return middleware.Grant{Identity: h.Identity(), Rights: &core.Rights{Channels: []string{"news"}}}, nil
	})))
}

// login stands for the app's own middleware, which knows the user.
func login(c *gin.Context) { c.Set("user", "ann") }

// checkToken stands for a look at the app's sessions.
func checkToken(context.Context, string) (middleware.Grant, error) {
	return middleware.Grant{Identity: "ann"}, nil
}
