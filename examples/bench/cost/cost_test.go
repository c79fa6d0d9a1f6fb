//go:build linux

package cost_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/internal/idletest"
	"github.com/tidings-go/tidings/middleware"
	"github.com/tidings-go/tidings/middleware/metrics"
	"github.com/tidings-go/tidings/middleware/tracing"
)

// variant is a hub with some middleware.
type variant struct {
	name string
	make func(tb testing.TB, hub *core.Hub) []core.Middleware
}

func variants() []variant {
	logging := func(testing.TB, *core.Hub) []core.Middleware {
		return []core.Middleware{middleware.LoggingWith(middleware.LoggingConfig{
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Burst: -1, //nolint:sloglint // Lines are made, and then discarded.
		})}
	}
	measured := func(tb testing.TB, hub *core.Hub) []core.Middleware { //nolint:unparam // It is one of several functions.
		tb.Helper()
		tb.Cleanup(metrics.New(hub, metrics.Config{}).Close)
		return nil
	}
	traced := func(sampler sdk.Sampler) func(tb testing.TB, hub *core.Hub) []core.Middleware {
		return func(tb testing.TB, hub *core.Hub) []core.Middleware {
			tb.Helper()
			provider := sdk.NewTracerProvider(sdk.WithSampler(sampler), sdk.WithBatcher(tracetest.NewNoopExporter()))
			stop := tracing.Observe(hub, tracing.Config{TracerProvider: provider, Roots: true})
			tb.Cleanup(func() {
				stop()
				if err := provider.Shutdown(context.Background()); err != nil {
					tb.Error(err)
				}
			})
			return nil
		}
	}
	few, all := traced(sdk.TraceIDRatioBased(0.01)), traced(sdk.AlwaysSample())
	return []variant{
		{name: "none", make: func(testing.TB, *core.Hub) []core.Middleware { return nil }},
		{name: "logging", make: logging},
		{name: "metrics", make: measured},
		{name: "tracing of 1 %", make: few},
		{name: "tracing of all", make: all},
		{name: "together", make: func(tb testing.TB, hub *core.Hub) []core.Middleware {
			tb.Helper()
			return append(append(logging(tb, hub), measured(tb, hub)...), few(tb, hub)...)
		}},
	}
}

// processorTime returns what the process has used, clients included.
func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// crowd is a hub with clients that read.
type crowd struct {
	hub       *core.Hub
	got, want atomic.Int64 // bytes
	reached   chan struct{}
	size      int64 // of an event's chunk
	spent     time.Duration
}

func openCrowd(b *testing.B, v variant, clients int) *crowd {
	b.Helper()
	c := &crowd{hub: core.NewHub(core.HubConfig{}), reached: make(chan struct{}, 1)}
	some := v.make(b, c.hub)
	conns := idletest.Open(b, c.hub, clients, some...)
	frame, err := core.AppendEvent(nil, event())
	if err != nil {
		b.Fatal(err)
	}
	c.size = int64(len(fmt.Sprintf("%x\r\n%s\r\n", len(frame), frame)))
	var reading sync.WaitGroup
	for _, conn := range conns.Conns {
		reading.Go(func() { c.read(conn) })
	}
	b.Cleanup(func() {
		conns.Close(b)
		reading.Wait()
	})
	return c
}

func (c *crowd) read(conn net.Conn) {
	buf := make([]byte, 4<<10)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		if c.got.Add(int64(n)) >= c.want.Load() {
			select {
			case c.reached <- struct{}{}:
			default:
			}
		}
	}
}

// send publishes events, and waits until all clients have them.
func (c *crowd) send(b *testing.B, clients, events int) {
	b.Helper()
	before := processorTime(b)
	c.want.Add(c.size * int64(clients*events))
	for range events {
		if _, err := c.hub.Publish(b.Context(), "a", event()); err != nil {
			b.Fatal(err)
		}
	}
	for c.got.Load() < c.want.Load() {
		<-c.reached
	}
	c.spent += processorTime(b) - before
}

// event has an ID of its own, so that all frames are of the same size.
func event() core.Event {
	return core.Event{ID: "its own", Name: "stockupdate", Data: `{"stock":"IBM","value":567.29}`}
}

// BenchmarkDelivery sends events to 500 clients, one by one, in turn with a hub
// without middleware. It reports processor time, clients included.
func BenchmarkDelivery(b *testing.B) {
	const clients = 500
	for _, v := range variants() {
		b.Run(v.name, func(b *testing.B) {
			none, with := openCrowd(b, variants()[0], clients), openCrowd(b, v, clients)
			n := 0
			for b.Loop() {
				none.send(b, clients, 1)
				with.send(b, clients, 1)
				n++
			}
			report(b, with.spent, none.spent, n*clients, "delivery")
		})
	}
}

// BenchmarkBatch sends 50 events at once, so that a write has many of them.
func BenchmarkBatch(b *testing.B) {
	const clients, events = 200, 50
	for _, v := range variants() {
		b.Run(v.name, func(b *testing.B) {
			none, with := openCrowd(b, variants()[0], clients), openCrowd(b, v, clients)
			n := 0
			for b.Loop() {
				none.send(b, clients, events)
				with.send(b, clients, events)
				n++
			}
			report(b, with.spent, none.spent, n*clients*events, "delivery")
		})
	}
}

// BenchmarkPublish publishes to a channel that nobody is subscribed to.
func BenchmarkPublish(b *testing.B) {
	for _, v := range variants() {
		b.Run(v.name, func(b *testing.B) {
			b.ReportAllocs()
			hub := core.NewHub(core.HubConfig{})
			v.make(b, hub)
			b.Cleanup(func() { _ = hub.Close() })
			for b.Loop() {
				if _, err := hub.Publish(b.Context(), "a", event()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStream opens streams and ends them, in turn with a gate without
// middleware, without a network.
func BenchmarkStream(b *testing.B) {
	const streams = 100
	for _, v := range variants() {
		b.Run(v.name, func(b *testing.B) {
			none, with := endpoint(b, variants()[0]), endpoint(b, v)
			var spentNone, spent time.Duration
			n := 0
			for b.Loop() {
				spentNone += serve(b, none, streams)
				spent += serve(b, with, streams)
				n++
			}
			report(b, spent, spentNone, n*streams, "stream")
		})
	}
}

func endpoint(b *testing.B, v variant) http.Handler {
	b.Helper()
	hub := core.NewHub(core.HubConfig{})
	b.Cleanup(func() { _ = hub.Close() })
	gate := core.NewGate(hub, core.GateConfig{Heartbeat: -1, Middleware: v.make(b, hub)})
	return gate.Handle(func(*core.Sender) error { return nil })
}

// serve opens streams, and returns the processor time that they took.
func serve(b *testing.B, endpoint http.Handler, streams int) time.Duration {
	b.Helper()
	before := processorTime(b)
	for range streams {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "/events", http.NoBody)
		if err != nil {
			b.Fatal(err)
		}
		endpoint.ServeHTTP(&discard{header: make(http.Header)}, r)
	}
	return processorTime(b) - before
}

// discard is a response that goes nowhere.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Flush()                      {}

// report reports the time of one of n, and its ratio to that without middleware.
func report(b *testing.B, with, none time.Duration, n int, what string) {
	b.Helper()
	b.ReportMetric(float64(with.Nanoseconds())/float64(n), "ns/"+what)
	b.ReportMetric(float64((with-none).Nanoseconds())/float64(n), "ns-more/"+what)
	b.ReportMetric(float64(with)/float64(none), "x-none")
	b.ReportMetric(0, "ns/op") // it would count both
}

// TestMemory prints what each adds to the memory of a waiting stream.
//
//nolint:paralleltest // It looks at the heap.
func TestMemory(t *testing.T) {
	const streams = 3000
	idletest.Bytes(t, core.NewHub(core.HubConfig{}), streams/10) // what is made once
	none := int64(0)
	for _, v := range variants() {
		hub := core.NewHub(core.HubConfig{})
		got := idletest.Bytes(t, hub, streams, v.make(t, hub)...)
		if v.name == "none" {
			none = got
		}
		t.Logf("%s: %d bytes a stream, %d more than without", v.name, got, got-none)
		if got-none > 200 {
			t.Errorf("%s: got %d bytes more, want 200 at most", v.name, got-none)
		}
	}
}
