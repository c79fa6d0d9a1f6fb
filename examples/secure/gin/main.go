// Command gin is the secure sample in Gin.
package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidings-go/tidings/examples/secure"
	"github.com/tidings-go/tidings/ginsse"
)

func main() { secure.Main(serve) }

// serve runs the sample until ctx ends.
func serve(ctx context.Context, o secure.Options) error {
	app := secure.New(o, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	var market sync.WaitGroup
	defer market.Wait()
	defer app.Close() //nolint:errcheck // It is for early ends; the last line is for the others.

	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.Recovery())
	read := []string{http.MethodGet, http.MethodHead}
	for _, path := range secure.Paths() {
		r.Match(read, path, gin.WrapH(app.Pages()))
	}
	r.POST("/login", ginsse.Serve(app.Login()))
	r.POST("/logout", ginsse.Serve(app.Logout()))
	r.Match(read, "/events/:channel", ginsse.Serve(app.Events()))
	r.POST(secure.TicketPath, ginsse.Serve(app.Ticket()))
	r.Match(read, secure.TicketPath+"/:channel", ginsse.Serve(app.TicketEvents()))
	r.POST("/revoke/:user", ginsse.Serve(app.Revoke()))
	r.POST("/restore/:user", ginsse.Serve(app.Restore()))
	r.Match(read, "/metrics", gin.WrapH(app.Metrics()))
	r.Any("/monitor/*path", gin.WrapH(app.Monitor()))

	listener, err := o.Listen(ctx)
	if err != nil {
		return err
	}
	market.Go(func() { app.Trade(ctx) })
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
	_ = app.Hub().Drain(grace) // clients are told when to reconnect
	_ = server.Shutdown(grace) // streams that are still open then are cut
	return app.Close()
}
