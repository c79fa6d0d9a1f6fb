package fibersse_test

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/cors"
	"github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/gofiber/fiber/v2/middleware/requestid"
	"github.com/valyala/fasthttp"

	"github.com/tidings-go/tidings/core/adaptertest"
	"github.com/tidings-go/tidings/fibersse"
)

//nolint:paralleltest // The suite counts goroutines.
func TestFiber(t *testing.T) {
	adaptertest.Run(t, adapter())
}

// long is the duration of the soak test.
var long = flag.Duration("soak", 0, "have the soak test take so long, with 2,000 clients and 500 events a second; 0: a short one")

//nolint:paralleltest // It counts goroutines.
func TestSoak(t *testing.T) { adaptertest.Soak(t, adapter(), *long, 2000, 500) }

// BenchmarkDisconnect measures how soon the server detects a disconnect.
func BenchmarkDisconnect(b *testing.B) { adaptertest.Disconnect(b, adapter()) }

// crowded is the duration of the throng test.
var crowded = flag.Duration("throng", 0, "have the throng test take so long; 0: a short one")

//nolint:paralleltest // It counts goroutines.
func TestThrong(t *testing.T) { adaptertest.Throng(t, adapter(), *crowded, 1000) }

// adapter is Fiber's.
func adapter() adaptertest.Adapter {
	return adaptertest.Adapter{
		Transports: []adaptertest.Transport{adaptertest.Plain, adaptertest.TLS},
		Start: func(_ testing.TB, site adaptertest.Site) func(context.Context) error {
			return start(site, fiber.Config{}, nil)
		},
	}
}

// start serves a site by an app of this configuration, whose server may be
// configured further.
func start(site adaptertest.Site, cfg fiber.Config, tune func(*fasthttp.Server)) func(context.Context) error {
	cfg.DisableStartupMessage = true
	cfg.ReadTimeout, cfg.WriteTimeout, cfg.IdleTimeout = site.ReadTimeout, site.WriteTimeout, site.IdleTimeout
	app := fiber.New(cfg)
	app.Server().MaxIdleWorkerDuration = time.Second // tests wait until they are gone
	if tune != nil {
		tune(app.Server())
	}
	app.Use(recover.New(), requestid.New(), cors.New(), func(c *fiber.Ctx) error {
		c.Append("Set-Cookie", "framework=1")
		return c.Next()
	})
	for _, route := range site.Routes {
		path, handler := adaptertest.Colons(route.Path), fibersse.Serve(route.Endpoint)
		if route.Method == fiber.MethodGet {
			app.Get(path, handler) // HEAD, too
			continue
		}
		app.Add(route.Method, path, handler)
	}
	ln := site.Listener
	if site.TLS != nil {
		ln = tls.NewListener(ln, site.TLS)
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(ln) }()
	return func(ctx context.Context) error {
		return errors.Join(app.ShutdownWithContext(ctx), <-served)
	}
}
