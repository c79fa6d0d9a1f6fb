//go:build linux

//nolint:paralleltest // It looks at the heap.
package middleware_test

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware"
)

// heapInUse returns how many bytes of the heap are in use.
func heapInUse() int64 {
	var m runtime.MemStats
	for range 3 { // what pools hold goes with the second, what has a cleanup later
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// waiting returns the bytes of heap that each of n idle streams takes on
// hijacked connections with some middleware, clients included.
func waiting(t *testing.T, n int, some ...core.Middleware) int64 {
	t.Helper()
	hub := core.NewHub(core.HubConfig{})
	opened := make(chan struct{}, n)
	gate := core.NewGate(hub, core.GateConfig{Conn: core.OwnedConn, Heartbeat: -1, Middleware: append(some, func(h *core.Handshake) error {
		h.OnOpen(func() { opened <- struct{}{} })
		return nil
	})})
	server := httptest.NewServer(gate.Subscribe("a"))
	conns := make([]net.Conn, 0, n)
	defer func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
		if err := hub.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	}()
	in := bufio.NewReader(nil)
	request := "GET /events?secret=" + strings.Repeat("x", 500) + " HTTP/1.1\r\nHost: a.example\r\nCookie: " +
		strings.Repeat("y", 1000) + "\r\n\r\n"
	before := heapInUse()
	for range n {
		conn, err := net.Dial("tcp4", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		if _, err = io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		in.Reset(conn)
		for line := ""; line != ": open\n"; {
			if line, err = in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		<-opened
	}
	if got := hub.Stats().Streams; got != n {
		t.Fatalf("streams: got %d, want %d", got, n)
	}
	return (heapInUse() - before) / int64(n)
}

// TestMemoryOfLoggingAndLimit measures what Logging and Limit add to the memory
// of an idle stream. They keep nothing of its request.
func TestMemoryOfLoggingAndLimit(t *testing.T) {
	const streams, bound = 3000, 300
	waiting(t, streams/10) // what is made once
	without := waiting(t, streams)
	with := waiting(t, streams, middleware.Logging(slog.New(slog.DiscardHandler)),
		middleware.Limit(middleware.LimitConfig{PerAddress: streams}))
	t.Logf("a stream: %d bytes without the two, %d with them", without, with)
	if got := with - without; got > bound {
		t.Errorf("Logging and Limit: got %d bytes a stream, want %d at most", got, bound)
	}
}
