//nolint:testableexamples // They show how to mount endpoints, and serve no requests.
package ginsse_test

import (
	"context"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/ginsse"
)

// Clients of /stocks get the events that are published to the channel.
func ExampleSubscribe() {
	hub := core.NewHub(core.HubConfig{})
	r := gin.New()
	r.GET("/stocks", ginsse.Subscribe(hub, "stocks"))
}

// A handler sends events and returns.
func ExampleHandle() {
	hub := core.NewHub(core.HubConfig{})
	r := gin.New()
	r.GET("/hello", ginsse.Handle(hub, func(s *core.Sender) error {
		return s.Send(core.Event{Name: "greeting", Data: "Hello!"})
	}))
}

// The request selects the channel.
func ExampleGate_SubscribeFunc() {
	hub := core.NewHub(core.HubConfig{})
	gate := ginsse.New(hub, core.GateConfig{Start: core.Last(10)})
	r := gin.New()
	r.GET("/rooms/:room", gate.SubscribeFunc(func(c *gin.Context, _ *core.Handshake) (core.Subscription, error) {
		if c.GetString("user") == "" { // set by a middleware
			return core.Subscription{}, core.Refuse(http.StatusUnauthorized, "Log in first.")
		}
		return core.Subscription{Channels: []string{"room " + c.Param("room")}}, nil
	}))
}

// The handlers of a group take their stream from the context.
func ExampleGate_Middleware() {
	gate := ginsse.New(core.NewHub(core.HubConfig{}), core.GateConfig{})
	r := gin.New()
	streams := r.Group("/streams", gate.Middleware())
	streams.GET("/hello/:name", func(c *gin.Context) {
		s := ginsse.From(c)
		_ = s.Send(core.Event{Data: "Hello, " + c.Param("name") + "!"}) // fails if the client is gone
	})
}

// A page changes its channels without a new connection: it posts its stream's
// ID, which the stream has sent, and the channels to add and to remove.
func ExampleGate_ChangeChannels() {
	hub := core.NewHub(core.HubConfig{})
	gate := ginsse.New(hub, core.GateConfig{})
	r := gin.New()
	r.GET("/events", gate.SubscribeFunc(func(_ *gin.Context, h *core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{"lobby"}}, h.Send(core.Event{Name: "stream", Data: h.ID()})
	}))
	r.POST("/channels", gate.ChangeChannels(func(_ *core.Stream, add []string) error {
		if slices.Contains(add, "staff") {
			return core.Refuse(http.StatusForbidden, "Not allowed.")
		}
		return nil
	}))
}

// A handler of any kind stops its work when its client disconnects.
func ExampleContext() {
	r := gin.New()
	r.GET("/report", func(c *gin.Context) {
		rows, err := query(ginsse.Context(c), c.Query("year"))
		if err != nil {
			_ = c.AbortWithError(http.StatusInternalServerError, err)
			return
		}
		c.JSON(http.StatusOK, rows)
	})
}

// query stands for a database or an upstream that takes a context.
func query(ctx context.Context, year string) ([]string, error) { return []string{year}, ctx.Err() }
