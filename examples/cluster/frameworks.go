package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"

	"github.com/tidings-go/tidings/fibersse"
	"github.com/tidings-go/tidings/ginsse"
)

// framework is what a node is written in.
type framework struct {
	title string
	serve func(n *node) server
}

// names returns the names of the nodes, in the order in which they are shown.
func names() []string { return []string{"gin", "fiber", "http"} }

func frameworks() map[string]framework {
	return map[string]framework{
		"gin":   {"Gin", serveGin},
		"fiber": {"Fiber", serveFiber},
		"http":  {"net/http", serveHTTP},
	}
}

const readTimeout = 5 * time.Second // streams are exempt

func serveGin(n *node) server {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.Recovery())
	r.Match([]string{http.MethodGet, http.MethodHead}, "/events", ginsse.Serve(n.events()))
	r.GET("/healthz", func(c *gin.Context) { c.JSON(n.health()) })
	return &http.Server{Handler: r, ReadTimeout: readTimeout}
}

func serveHTTP(n *node) server {
	mux := http.NewServeMux()
	mux.Handle("GET /events", n.events())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		status, h := n.health()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(h) // the proxy may be gone
	})
	return &http.Server{Handler: mux, ReadTimeout: readTimeout}
}

func serveFiber(n *node) server {
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ReadTimeout: readTimeout})
	app.Get("/events", fibersse.Serve(n.events()))
	app.Get("/healthz", func(c *fiber.Ctx) error {
		status, h := n.health()
		return c.Status(status).JSON(h)
	})
	return fiberServer{app}
}

// fiberServer gives Fiber the names of net/http.
type fiberServer struct{ app *fiber.App }

func (s fiberServer) Serve(l net.Listener) error { return s.app.Listener(l) }

func (s fiberServer) Shutdown(ctx context.Context) error { return s.app.ShutdownWithContext(ctx) }
