// Command gin is the stocks sample in Gin.
package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/stocks"
	"github.com/tidings-go/tidings/ginsse"
	"github.com/tidings-go/tidings/middleware"
)

func main() { stocks.Main(serve) }

// serve runs the sample until ctx ends.
func serve(ctx context.Context, o stocks.Options) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	hub := core.NewHub(core.HubConfig{
		Store:  core.NewMemoryStore(core.Retention{Events: o.History, Bytes: -1}),
		Logger: logger,
	})
	market := stocks.NewMarket(hub, o.Min, o.Max)
	gate := ginsse.New(hub, core.GateConfig{Logger: logger, Middleware: []core.Middleware{
		middleware.Logging(logger),
		middleware.Limit(middleware.LimitConfig{PerAddress: 5000}), // a load test has one address
	}})

	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.Recovery())
	read := []string{http.MethodGet, http.MethodHead}
	page := func(c *gin.Context) { c.Data(http.StatusOK, "text/html; charset=utf-8", stocks.Page()) }
	for _, root := range []*gin.RouterGroup{r.Group("/"), r.Group("/root")} {
		root.Match(read, "/", page)
		root.Match(read, "/static/", page)
		root.Match(read, "/static/index.html", page)
		root.Match(read, "/stocks", gate.SubscribeFunc(func(c *gin.Context, _ *core.Handshake) (core.Subscription, error) {
			return stocks.Subscription(c.Query("start"))
		}))
		root.Match(read, "/stocks/once", gate.OneShot(market.Next))
		root.Match(read, "/stocks/controller", gate.Handle(core.Control(market)))
		root.Match(read, "/stats", func(c *gin.Context) { c.JSON(http.StatusOK, hub.Stats()) })
	}

	listener, err := o.Listen(ctx)
	if err != nil {
		return err
	}
	go market.Run(ctx)
	server := &http.Server{Handler: r, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = hub.Drain(grace)       // clients are told when to reconnect
	_ = server.Shutdown(grace) // streams that are still open then are cut
	return hub.Close()
}
