// Command gin is the broadcast sample in Gin.
package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/broadcast"
	"github.com/tidings-go/tidings/ginsse"
)

func main() { broadcast.Main(serve) }

// serve runs the sample until ctx ends.
func serve(ctx context.Context, o broadcast.Options) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	hub := core.NewHub(core.HubConfig{Logger: logger})
	gate := ginsse.New(hub, core.GateConfig{Retry: time.Second, Logger: logger})
	stream := gate.Subscribe(broadcast.Channel)

	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.Use(gin.Recovery())
	r.Match([]string{http.MethodGet, http.MethodHead}, "/", func(c *gin.Context) {
		switch c.Query("mode") {
		case "stream":
			stream(c)
		case "broadcast":
			// The client whose request is HEAD wants to know, not to act.
			if c.Request.Method == http.MethodGet {
				if _, err := hub.Publish(c.Request.Context(), broadcast.Channel, broadcast.Ping(time.Now())); err != nil {
					c.String(http.StatusServiceUnavailable, "Not broadcasted.")
					return
				}
			}
			c.Header("Cache-Control", "no-store")
			c.String(http.StatusOK, "Broadcasted to %d clients.", hub.Count(broadcast.Channel))
		default:
			c.Data(http.StatusOK, "text/html; charset=utf-8", broadcast.Page())
		}
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
	_ = hub.Drain(grace)       // clients are told when to reconnect
	_ = server.Shutdown(grace) // streams that are still open then are cut
	return hub.Close()
}
