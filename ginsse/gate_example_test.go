package ginsse_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/client"
	"github.com/tidings-go/tidings/ginsse"
	"github.com/tidings-go/tidings/middleware"
)

// The endpoints of a gate share middleware, heartbeat, timeouts and lifetime.
func ExampleNew() {
	hub := core.NewHub(core.HubConfig{})
	gate := ginsse.New(hub, core.GateConfig{
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
	r := gin.New()
	r.GET("/events", gate.Subscribe("lobby"))
	server := httptest.NewServer(r)
	defer server.Close()

	ctx := context.Background()
	for _, to := range []core.Audience{core.ToIdentity("ann"), core.ToIdentity("bob"), core.ToGroup("everyone")} {
		if _, err := hub.Publish(ctx, "lobby", core.Event{Data: "for " + to.String()}, core.Only(to)); err != nil {
			fmt.Println(err)
		}
	}
	c, err := client.New(client.Config{URL: server.URL + "/events", Header: http.Header{"X-User": {"bob"}}})
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
	fmt.Println(hub.Drain(ctx), hub.Close())
	// Output:
	// for identity:bob <nil>
	// for group:everyone <nil>
	// <nil> <nil>
}
