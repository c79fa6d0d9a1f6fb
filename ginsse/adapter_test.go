package ginsse_test

import (
	"context"
	"flag"
	"io"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/tidings-go/tidings/core/adaptertest"
	"github.com/tidings-go/tidings/ginsse"
)

//nolint:paralleltest // The suite counts goroutines.
func TestGin(t *testing.T) {
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

// adapter is Gin's.
func adapter() adaptertest.Adapter {
	return adaptertest.Adapter{
		Transports: []adaptertest.Transport{
			adaptertest.Plain, adaptertest.TLS, adaptertest.HTTP2, adaptertest.H2C,
		},
		Start: func(_ testing.TB, site adaptertest.Site) func(context.Context) error {
			engine := newEngine()
			engine.Use(func(c *gin.Context) {
				c.Header("Access-Control-Allow-Origin", "*")
				c.Header("Set-Cookie", "framework=1")
				c.Header("X-Request-Id", c.GetHeader("X-Request-Id"))
			})
			for _, route := range site.Routes {
				path, handler := adaptertest.Colons(route.Path), ginsse.Serve(route.Endpoint)
				engine.Handle(route.Method, path, handler)
				if route.Method == http.MethodGet {
					engine.HEAD(path, handler)
				}
			}
			return adaptertest.Serve(site, engine)
		},
	}
}

// newEngine returns an engine that recovers from panics.
func newEngine() *gin.Engine {
	engine := gin.New()
	engine.Use(gin.RecoveryWithWriter(io.Discard))
	return engine
}
