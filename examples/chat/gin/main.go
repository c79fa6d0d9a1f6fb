// Command gin is the chat sample in Gin.
package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/chat"
	"github.com/tidings-go/tidings/ginsse"
	"github.com/tidings-go/tidings/middleware"
)

func main() { chat.Main(serve) }

// serve runs the sample until ctx ends.
func serve(ctx context.Context, o chat.Options) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	room := chat.NewRoom(core.HubConfig{
		Store:  core.NewMemoryStore(core.Retention{Events: o.History}),
		Logger: logger,
	}, o.Grace)
	hub := room.Hub()
	gate := ginsse.New(hub, core.GateConfig{
		Logger: logger,
		Retry:  time.Second,
		Start:  core.Snapshot(),
		Middleware: []core.Middleware{
			middleware.Logging(logger),
			middleware.Limit(middleware.LimitConfig{PerAddress: 5000}), // a load test has one address
			room.Enter, // it knows who it is, or refuses
		},
	})

	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.Recovery())
	read := []string{http.MethodGet, http.MethodHead}
	r.Match(read, "/", func(c *gin.Context) {
		if cookie := chat.SetCookie(c.GetHeader("Cookie")); cookie != "" {
			c.Header("Set-Cookie", cookie)
		}
		c.Header("Cache-Control", "no-store") // no two clients share a cookie
		c.Data(http.StatusOK, "text/html; charset=utf-8", chat.Page())
	})
	r.Match(read, "/chat", gate.Subscribe(chat.Talk, chat.Online))
	r.Match(read, "/api/users", func(c *gin.Context) { c.JSON(http.StatusOK, room.Users()) })
	r.POST("/api/messages", func(c *gin.Context) {
		body, err := io.ReadAll(io.LimitReader(c.Request.Body, chat.MaxBody+1))
		if err != nil {
			c.JSON(http.StatusBadRequest, gin.H{"error": "The body is not whole."})
			return
		}
		message, err := room.Post(c.Request.Context(), chat.Session(c.GetHeader("Cookie")), body)
		if err != nil {
			c.JSON(chat.Status(err), gin.H{"error": err.Error()})
			return
		}
		c.JSON(http.StatusCreated, message)
	})

	listener, err := o.Listen(ctx)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: r, ReadTimeout: 5 * time.Second} // streams are exempt
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
