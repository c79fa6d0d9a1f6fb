// Command gin is the notifications sample in Gin.
package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
	"github.com/tidings-go/tidings/core/browser"
	"github.com/tidings-go/tidings/examples/notifications"
	"github.com/tidings-go/tidings/ginsse"
	"github.com/tidings-go/tidings/middleware"
)

func main() { notifications.Main(serve) }

// serve runs the sample until ctx ends.
func serve(ctx context.Context, o notifications.Options) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	store, err := boltstore.Open(o.DB, boltstore.Config{Retention: notifications.Retention(), Logger: logger})
	if err != nil {
		return err
	}
	hub := core.NewHub(core.HubConfig{Store: store, Logger: logger})
	defer hub.Close() //nolint:errcheck // It is for early ends; the last line is for the others.
	gate := ginsse.New(hub, core.GateConfig{
		Middleware: []core.Middleware{middleware.Logging(logger)},
		Logger:     logger,
	})

	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.Use(gin.Recovery())
	read := []string{http.MethodGet, http.MethodHead}
	r.Match(read, "/", func(c *gin.Context) {
		c.Data(http.StatusOK, "text/html; charset=utf-8", notifications.Page())
	})
	r.Match(read, "/tidings.js", gin.WrapH(browser.Handler()))
	r.Match(read, "/api/notifications", latest(hub, logger))
	r.POST("/api/notifications", push(hub, logger))
	r.Match(read, "/api/notifications/stream", gate.SubscribeFunc(func(c *gin.Context, _ *core.Handshake) (core.Subscription, error) {
		return notifications.Subscription(c.Query("last"))
	}))

	listener, err := o.Listen(ctx)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: r, ReadTimeout: 5 * time.Second}
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
	return hub.Close()         // and the file
}

// latest returns the handler that answers with the last notifications, and where
// the stream goes on from them.
func latest(hub *core.Hub, logger *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		list, err := notifications.Latest(c.Request.Context(), hub)
		if err != nil {
			refuse(c, logger, err)
			return
		}
		c.JSON(http.StatusOK, list)
	}
}

// push returns the handler that publishes what a request asks for, and answers
// with its ID. By then it is on the disk.
func push(hub *core.Hub, logger *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		event, err := notifications.Event(c.Request.Body)
		var id string
		if err == nil {
			id, err = hub.Publish(c.Request.Context(), notifications.Channel, event)
		}
		if err != nil {
			refuse(c, logger, err)
			return
		}
		c.JSON(http.StatusCreated, gin.H{"id": id})
	}
}

// refuse answers for a handler that failed.
func refuse(c *gin.Context, logger *slog.Logger, err error) {
	status, message := notifications.Explain(err)
	if status == http.StatusInternalServerError {
		logger.Error("request", "path", c.FullPath(), "error", err)
	}
	c.JSON(status, gin.H{"error": message})
}
