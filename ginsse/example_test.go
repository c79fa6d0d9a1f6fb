//nolint:testableexamples // They show how to mount, and serve nobody.
package ginsse_test

import (
	"context"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/ginsse"
)

// Whoever asks for /stocks gets what is published to the channel.
func ExampleSubscribe() {
	hub := core.NewHub(core.HubConfig{})
	r := gin.New()
	r.GET("/stocks", ginsse.Subscribe(hub, "stocks"))
}

// A handler sends what it likes, and returns.
func ExampleHandle() {
	hub := core.NewHub(core.HubConfig{})
	r := gin.New()
	r.GET("/hello", ginsse.Handle(hub, func(s *core.Sender) error {
		return s.Send(core.Event{Name: "greeting", Data: "Hello!"})
	}))
}

// The request says which channel it is about.
func ExampleGate_SubscribeFunc() {
	hub := core.NewHub(core.HubConfig{})
	gate := ginsse.New(hub, core.GateConfig{Start: core.Last(10)})
	r := gin.New()
	r.GET("/rooms/:room", gate.SubscribeFunc(func(c *gin.Context, _ *core.Handshake) (core.Subscription, error) {
		if c.GetString("user") == "" { // as some middleware has set it
			return core.Subscription{}, core.Refuse(http.StatusUnauthorized, "Log in first.")
		}
		return core.Subscription{Channels: []string{"room " + c.Param("room")}}, nil
	}))
}

// The handlers of a group find their stream in their context.
func ExampleGate_Middleware() {
	gate := ginsse.New(core.NewHub(core.HubConfig{}), core.GateConfig{})
	r := gin.New()
	streams := r.Group("/streams", gate.Middleware())
	streams.GET("/hello/:name", func(c *gin.Context) {
		s := ginsse.From(c)
		_ = s.Send(core.Event{Data: "Hello, " + c.Param("name") + "!"}) // fails if the client is gone
	})
}

// A page changes what it listens to without a new connection: it posts its
// stream's ID, which it was told, with the channels to add and to remove.
func ExampleGate_ChangeChannels() {
	hub := core.NewHub(core.HubConfig{})
	gate := ginsse.New(hub, core.GateConfig{})
	r := gin.New()
	r.GET("/events", gate.SubscribeFunc(func(_ *gin.Context, h *core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{"lobby"}}, h.Send(core.Event{Name: "stream", Data: h.ID()})
	}))
	r.POST("/channels", gate.ChangeChannels(func(_ *core.Stream, add []string) error {
		if slices.Contains(add, "staff") {
			return core.Refuse(http.StatusForbidden, "Not for you.")
		}
		return nil
	}))
}

// A handler of any kind stops its work when nobody waits for it any more.
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
