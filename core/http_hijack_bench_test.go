//go:build linux

package core_test

import (
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// BenchmarkJoin opens a subscription, reads its first bytes and closes it.
func BenchmarkJoin(b *testing.B) {
	b.ReportAllocs()
	hub := openHub(b, core.HubConfig{})
	bed := openFixture(b, hub, core.GateConfig{}, map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a")})
	request := []byte("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
	buf := make([]byte, 4<<10)
	for b.Loop() {
		conn, err := net.Dial("tcp4", bed.Addr)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Read(buf); err != nil {
			b.Fatal(err)
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // keeps no port
		}
		_ = conn.Close()
		<-bed.Opened
		if sum := <-bed.Closes; !sum.Opened {
			b.Fatalf("stream: got %+v, want it opened", sum)
		}
	}
}

// BenchmarkDeliver sends events to 1,000 connections, clients included: one at
// a time, and several in one write.
func BenchmarkDeliver(b *testing.B) {
	const connections = 1000
	for name, ahead := range map[string]int{"one by one": 1, "batches of 50": 50, "batches of 500": 500} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			hub := openHub(b, core.HubConfig{})
			bed := openFixture(b, hub, core.GateConfig{Heartbeat: -1}, map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a")})
			ev := stockUpdate
			ev.ID = "its own" // all frames are of the same size then
			frame, err := core.AppendEvent(nil, ev)
			if err != nil {
				b.Fatal(err)
			}
			size := int64(len(fmt.Sprintf("%x\r\n%s\r\n", len(frame), frame))) // as a chunk
			var got, want atomic.Int64
			reached := make(chan struct{}, 1)
			var reading sync.WaitGroup
			wires := make([]*rawClient, connections)
			for i := range wires {
				c := bed.open(b, "/", "", 0)
				c.readPrelude(b)
				wires[i] = c
				reading.Go(func() {
					buf := make([]byte, 4<<10)
					for {
						n, err := c.Read(buf)
						if err != nil {
							return
						}
						if got.Add(int64(n)) >= want.Load() {
							select {
							case reached <- struct{}{}:
							default:
							}
						}
					}
				})
			}
			published := int64(0)
			await := func() {
				want.Store(published * size * connections)
				for got.Load() < want.Load() {
					<-reached
				}
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			for b.Loop() {
				if _, err := hub.Publish(b.Context(), "a", ev); err != nil {
					b.Fatal(err)
				}
				if published++; published%int64(ahead) == 0 {
					await()
				}
			}
			await()
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(took.Nanoseconds())/float64(published*connections), "ns/delivery")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(published), "allocs/publish")
			if n := got.Load(); n != published*size*connections {
				b.Errorf("received: got %d bytes, want %d", n, published*size*connections)
			}
			for _, c := range wires {
				_ = c.Close()
			}
			reading.Wait()
			eventually(b, "streams", 0, func() int { return hub.Stats().Streams })
		})
	}
}
