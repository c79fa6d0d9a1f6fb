// Package idletest opens streams that wait, for tests of what middleware costs.
package idletest

import (
	"bufio"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// Clients are connections of streams of one hub, which nothing is published to.
type Clients struct {
	Conns []net.Conn

	server *httptest.Server
	hub    *core.Hub
}

// Open opens subscriptions to the channel a, on connections that the hub takes
// over, at a gate with some middleware. It returns when all of them wait.
func Open(tb testing.TB, hub *core.Hub, n int, some ...core.Middleware) *Clients {
	tb.Helper()
	opened := make(chan struct{}, n)
	gate := core.NewGate(hub, core.GateConfig{Conn: core.OwnedConn, Heartbeat: -1, Middleware: append(some, func(h *core.Handshake) error {
		h.OnOpen(func() { opened <- struct{}{} })
		return nil
	})})
	c := &Clients{Conns: make([]net.Conn, 0, n), server: httptest.NewServer(gate.Subscribe("a")), hub: hub}
	in := bufio.NewReader(nil)
	request := "GET /events?secret=" + strings.Repeat("x", 500) + " HTTP/1.1\r\nHost: a.example\r\nCookie: " +
		strings.Repeat("y", 1000) + "\r\n\r\n"
	for range n {
		conn, err := net.Dial("tcp4", c.server.Listener.Addr().String()) //nolint:noctx // It is on the loopback.
		if err != nil {
			tb.Fatal(err)
		}
		c.Conns = append(c.Conns, conn)
		if _, err = io.WriteString(conn, request); err != nil {
			tb.Fatal(err)
		}
		in.Reset(conn)
		for line := ""; !strings.HasPrefix(line, "id: "); { // the last line that a new stream sends
			if line, err = in.ReadString('\n'); err != nil {
				tb.Fatal(err)
			}
		}
		<-opened
	}
	if got := hub.Stats().Streams; got != n {
		tb.Fatalf("streams: got %d, want %d", got, n)
	}
	return c
}

// Close closes the connections, the hub and the server.
func (c *Clients) Close(tb testing.TB) {
	tb.Helper()
	for _, conn := range c.Conns {
		_ = conn.Close()
	}
	if err := c.hub.Close(); err != nil {
		tb.Error(err)
	}
	c.server.Close()
}

// Heap returns how many bytes of the heap are in use.
func Heap() int64 {
	var m runtime.MemStats
	for range 3 { // what pools hold goes with the second, what has a cleanup later
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // It fits.
}

// Bytes returns how many bytes of heap each of n waiting streams takes, clients
// included.
func Bytes(tb testing.TB, hub *core.Hub, n int, some ...core.Middleware) int64 {
	tb.Helper()
	before := Heap()
	c := Open(tb, hub, n, some...)
	defer c.Close(tb)
	return (Heap() - before) / int64(n)
}
