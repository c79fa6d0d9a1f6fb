package fibersse_test

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/compress"
	"github.com/gofiber/fiber/v2/middleware/etag"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/doctor"
	"github.com/tidings-go/tidings/fibersse"
)

// The doctor's probe works in Fiber, and reports what Fiber's middleware does
// to the streams of handlers. It does not affect subscriptions, whose
// connections are hijacked.
func TestDoctor(t *testing.T) {
	t.Parallel()
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	handler := core.GateConfig{Conn: core.ResponseConn}
	for path, handlers := range map[string][]fiber.Handler{
		"/plain": nil, "/etag": {etag.New()}, "/compress": {compress.New()},
	} {
		for suffix, gate := range map[string]core.GateConfig{"": {}, "/handler": handler} {
			probe := doctor.Endpoint(doctor.EndpointConfig{BehindLogin: true, Gate: gate})
			app.Get(path+suffix, append(slices.Clone(handlers), fibersse.Serve(probe))...)
		}
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(listener) }()
	defer func() {
		if err := app.Shutdown(); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		<-served
	}()

	var all sync.WaitGroup
	for path, want := range map[string]string{
		"/plain": "", "/plain/handler": "", "/etag": "", "/compress": "",
		"/etag/handler": "missing-flush etag", "/compress/handler": "compression",
	} {
		all.Go(func() {
			r, err := doctor.Examine(t.Context(), doctor.Config{
				URL: "http://" + listener.Addr().String() + path, Idle: time.Second, Watch: -1,
			})
			if err != nil {
				t.Errorf("%s: Examine: %v", path, err)
				return
			}
			var got []string
			for _, f := range r.Findings {
				if f.Severity != doctor.Info {
					got = append(got, string(f.Code))
				}
			}
			if found := strings.Join(got, " "); found != want || !r.Probe || !r.Direct || r.Times.Leave == nil {
				t.Errorf("%s: got %q and %+v, want %q", path, found, r, want)
			}
		})
	}
	all.Wait()
}
