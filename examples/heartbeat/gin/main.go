// Command gin is the heartbeat sample in Gin.
package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/heartbeat"
	"github.com/tidings-go/tidings/ginsse"
	"github.com/tidings-go/tidings/middleware"
)

func main() { heartbeat.Main(serve) }

// serve runs the sample until ctx ends.
func serve(ctx context.Context, o heartbeat.Options) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	hub := core.NewHub(core.HubConfig{Logger: logger})
	gate := ginsse.New(hub, core.GateConfig{
		Retry:      heartbeat.Retry,
		Middleware: []core.Middleware{middleware.Logging(logger)},
		Logger:     logger,
	})

	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.Use(gin.Recovery())
	read := []string{http.MethodGet, http.MethodHead}
	r.Match(read, heartbeat.Path, gate.Handle(heartbeat.Beat))
	r.Match(read, "/", func(c *gin.Context) {
		c.Data(http.StatusOK, "text/html; charset=utf-8", heartbeat.Page())
	})

	listener, err := o.Listen(ctx)
	if err != nil {
		return err
	}
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
	_ = hub.Drain(grace)       // handlers are told to finish
	_ = server.Shutdown(grace) // streams that are still open then are cut
	return hub.Close()
}
