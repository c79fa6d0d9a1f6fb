package core_test

import (
	"context"
	"flag"
	"net/http"
	"testing"

	"github.com/tidings-go/tidings/core/adaptertest"
)

//nolint:paralleltest // The suite counts goroutines.
func TestNetHTTP(t *testing.T) { adaptertest.Run(t, netHTTP()) }

// crowded is the duration of the throng test.
var crowded = flag.Duration("throng", 0, "have the throng test take so long; 0: a short one")

//nolint:paralleltest // It counts goroutines.
func TestThrong(t *testing.T) { adaptertest.Throng(t, netHTTP(), *crowded, 1000) }

// BenchmarkDisconnect measures how soon the server detects a disconnect.
func BenchmarkDisconnect(b *testing.B) { adaptertest.Disconnect(b, netHTTP()) }

// netHTTP is the adapter of net/http, core's own.
func netHTTP() adaptertest.Adapter {
	return adaptertest.Adapter{
		Transports: []adaptertest.Transport{
			adaptertest.Plain, adaptertest.TLS, adaptertest.HTTP2, adaptertest.H2C,
		},
		Start: func(_ testing.TB, site adaptertest.Site) func(context.Context) error {
			mux := http.NewServeMux()
			for _, route := range site.Routes {
				path := route.Path
				if path == "/" {
					path = "/{$}"
				}
				mux.Handle(route.Method+" "+path, route.Endpoint)
			}
			return adaptertest.Serve(site, withMiddleware(mux))
		},
	}
}

// withMiddleware recovers from panics and sets header fields, as frameworks do.
func withMiddleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Set-Cookie", "framework=1")
		w.Header().Set("X-Request-Id", r.Header.Get("X-Request-Id"))
		next.ServeHTTP(w, r)
	})
}
