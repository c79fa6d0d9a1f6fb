// Package frameworktest serves endpoints with Gin, Fiber and net/http, for tests of
// what works the same in all of them.
package frameworktest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/fibersse"
	"github.com/tidings-go/tidings/ginsse"
)

// Site is what to serve: endpoints of a hub, by path.
type Site struct {
	Hub       *core.Hub
	Endpoints map[string]*core.Endpoint
}

// Each runs a test for each framework, on connections that core takes over and
// on responses. serve serves a site until the test ends, which closes its hub
// first, and returns its URL.
func Each(t *testing.T, run func(t *testing.T, mode core.ConnMode, serve func(Site) string)) {
	t.Helper()
	for name, serve := range map[string]func(testing.TB, Site) string{"net/http": netHTTP, "gin": inGin, "fiber": inFiber} {
		for kind, mode := range map[string]core.ConnMode{"owned": core.OwnedConn, "response": core.ResponseConn} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				run(t, mode, func(site Site) string { return serve(t, site) })
			})
		}
	}
}

func netHTTP(tb testing.TB, site Site) string {
	tb.Helper()
	mux := http.NewServeMux()
	for path, endpoint := range site.Endpoints {
		mux.Handle("GET "+path, endpoint)
	}
	return serve(tb, site, mux)
}

func inGin(tb testing.TB, site Site) string {
	tb.Helper()
	gin.SetMode(gin.TestMode)
	engine := gin.New()
	engine.Use(gin.RecoveryWithWriter(io.Discard))
	for path, endpoint := range site.Endpoints {
		engine.GET(path, ginsse.Serve(endpoint))
	}
	return serve(tb, site, engine)
}

func serve(tb testing.TB, site Site, handler http.Handler) string {
	tb.Helper()
	server := httptest.NewServer(handler)
	tb.Cleanup(func() {
		closeHub(tb, site.Hub)
		server.Close()
	})
	return server.URL
}

func inFiber(tb testing.TB, site Site) string {
	tb.Helper()
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	for path, endpoint := range site.Endpoints {
		app.Get(path, fibersse.Serve(endpoint))
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0") //nolint:noctx // It does not block.
	if err != nil {
		tb.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(listener) }()
	tb.Cleanup(func() {
		closeHub(tb, site.Hub)
		if err := app.Shutdown(); err != nil {
			tb.Error(err)
		}
		if err := <-served; err != nil {
			tb.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

func closeHub(tb testing.TB, hub *core.Hub) {
	tb.Helper()
	if err := hub.Close(); err != nil {
		tb.Error(err)
	}
}
