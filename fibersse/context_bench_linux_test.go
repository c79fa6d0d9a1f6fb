package fibersse_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"

	"github.com/tidings-go/tidings/fibersse"
)

// detector serves a handler that waits for its client's disconnect, and reports
// when it has detected it. It serves until the benchmark ends.
type detector func(b *testing.B, ln net.Listener, entered chan<- struct{}, gone chan<- time.Time)

// withContext waits for fibersse.Context.
func withContext(b *testing.B, ln net.Listener, entered chan<- struct{}, gone chan<- time.Time) {
	b.Helper()
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/", func(c *fiber.Ctx) error {
		ctx := fibersse.Context(c)
		entered <- struct{}{}
		<-ctx.Done()
		gone <- time.Now()
		return nil
	})
	served := make(chan error, 1)
	go func() { served <- app.Listener(ln) }()
	b.Cleanup(func() { _ = app.Shutdown(); <-served })
}

// withNetHTTP waits for the context of net/http, where a goroutine reads from
// the connection.
func withNetHTTP(b *testing.B, ln net.Listener, entered chan<- struct{}, gone chan<- time.Time) {
	b.Helper()
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-r.Context().Done()
		gone <- time.Now()
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	b.Cleanup(func() { _ = server.Close(); <-served })
}

// polling returns a detector that polls its socket, in a plain handler of
// fasthttp.
func polling(every time.Duration) detector {
	return func(b *testing.B, ln net.Listener, entered chan<- struct{}, gone chan<- time.Time) {
		b.Helper()
		server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
			raw, err := ctx.Conn().(syscall.Conn).SyscallConn() //nolint:forcetypeassert,errcheck // It is TCP.
			if err != nil {
				b.Errorf("descriptor: %v", err)
			}
			entered <- struct{}{}
			ticker := time.NewTicker(every)
			defer ticker.Stop()
			for there := true; there; {
				<-ticker.C
				_ = raw.Control(func(fd uintptr) {
					n, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
					there = n > 0 || err == unix.EAGAIN
				})
			}
			gone <- time.Now()
		}}
		served := make(chan error, 1)
		go func() { served <- server.Serve(ln) }()
		b.Cleanup(func() { _ = server.Shutdown(); <-served })
	}
}

// BenchmarkContextDelay measures how soon a handler detects its client's
// disconnect, while other requests wait as well. cpu-% is the processor time of
// both sides, in percent of one processor.
func BenchmarkContextDelay(b *testing.B) {
	for _, others := range []int{0, 1000} {
		measure := func(name string, watch detector, stay time.Duration) {
			b.Run(fmt.Sprintf("%s/others=%d", name, others), func(b *testing.B) { delay(b, watch, stay, others) })
		}
		measure("fibersse.Context", withContext, 10*time.Millisecond)
		measure("nethttp", withNetHTTP, 10*time.Millisecond)
		for _, every := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond} {
			measure(fmt.Sprintf("fasthttp polls each %v", every), polling(every), max(every, 10*time.Millisecond))
		}
	}
}

// delay measures clients that disconnect after a random time of up to stay, so
// that they are not in phase with a poller.
func delay(b *testing.B, watch detector, stay time.Duration, others int) {
	b.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatalf("listen: %v", err)
	}
	entered, gone := make(chan struct{}), make(chan time.Time, others+1)
	watch(b, ln, entered, gone)
	request := func() net.Conn {
		c, err := net.Dial("tcp4", ln.Addr().String())
		if err != nil {
			b.Fatalf("dial: %v", err)
		}
		if _, err := io.WriteString(c, get); err != nil {
			b.Fatalf("request: %v", err)
		}
		<-entered
		return c
	}
	for range others {
		c := request()
		b.Cleanup(func() { _ = c.Close() }) // before the server is shut down
	}
	took := make([]time.Duration, 0, 4096)
	began, used := time.Now(), cpuTime(b)
	for b.Loop() {
		c := request()
		<-time.After(rand.N(stay))
		left := time.Now()
		_ = c.Close()
		took = append(took, (<-gone).Sub(left))
	}
	b.ReportMetric(100*float64(cpuTime(b)-used)/float64(time.Since(began)), "cpu-%")
	slices.Sort(took)
	at := func(share float64) float64 {
		return float64(took[min(int(share*float64(len(took))), len(took)-1)].Nanoseconds()) / 1000
	}
	b.ReportMetric(at(0.50), "p50-µs")
	b.ReportMetric(at(0.99), "p99-µs")
	b.ReportMetric(0, "ns/op") // it is mostly the wait
}

// cpuTime returns the processor time that the process has used.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatalf("processor time: %v", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkContextCost measures the cost of a context for a request that is
// answered immediately. Both cases include the client's cost.
func BenchmarkContextCost(b *testing.B) {
	for _, with := range []bool{false, true} {
		app := fiber.New(fiber.Config{DisableStartupMessage: true})
		var ended atomic.Int64
		app.Get("/", func(c *fiber.Ctx) error {
			if with && fibersse.Context(c).Err() != nil {
				ended.Add(1)
			}
			return c.SendString("answer\n")
		})
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			b.Fatalf("listen: %v", err)
		}
		served := make(chan error, 1)
		go func() { served <- app.Listener(ln) }()
		name := map[bool]string{false: "without", true: "with"}[with]
		b.Run(name+"/one connection", func(b *testing.B) {
			b.ReportAllocs()
			c := dialled(b, ln.Addr().String(), false)
			for b.Loop() {
				call(b, c)
			}
		})
		b.Run(name+"/many connections", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(8) // for each processor
			b.RunParallel(func(pb *testing.PB) {
				c := dialled(b, ln.Addr().String(), false)
				for pb.Next() {
					call(b, c)
				}
			})
		})
		_ = app.Shutdown()
		<-served
		if n := ended.Load(); n > 0 {
			b.Errorf("contexts that ended: got %d, want 0", n)
		}
	}
}

// call makes a request and reads the answer, without allocating.
func call(b *testing.B, c *conn) {
	b.Helper()
	if _, err := io.WriteString(c, get); err != nil {
		b.Errorf("request: %v", err)
	}
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			b.Errorf("answer: %v", err)
		}
		if err != nil || string(line) == "answer\n" {
			return
		}
	}
}
