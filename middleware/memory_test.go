//go:build linux

//nolint:paralleltest // It looks at the heap.
package middleware_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

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

// TestMemoryOfMiddleware measures what middleware adds to the memory of an idle
// stream. They keep nothing of its request.
func TestMemoryOfMiddleware(t *testing.T) {
	const streams = 3000
	logging, limit := middleware.Logging(slog.New(slog.DiscardHandler)), middleware.Limit(middleware.LimitConfig{PerAddress: streams, Rate: streams})
	number := 0
	auth := middleware.Auth(middleware.AuthConfig{Query: "secret", Check: func(context.Context, string) (middleware.Grant, error) {
		number++
		user := fmt.Sprint("user ", number)
		return middleware.Grant{
			Identity: user, Expiry: time.Now().Add(time.Hour),
			Rights: &core.Rights{Channels: []string{"user/" + user}, Patterns: []string{"a"}},
		}, nil
	}})
	waiting(t, streams/10) // what is made once
	without := waiting(t, streams)
	for _, test := range []struct {
		name  string
		bound int64
		some  []core.Middleware
	}{
		{"Logging and Limit", 300, []core.Middleware{logging, limit}},
		{"Logging, Limit and Auth", 500, []core.Middleware{logging, limit, auth}},
	} {
		// The garbage of other goroutines may add to it, and nothing takes away.
		got := waiting(t, streams, test.some...) - without
		for range 3 {
			if got > test.bound {
				got = min(got, waiting(t, streams, test.some...)-without)
			}
		}
		t.Logf("%s: %d bytes more for a stream than the %d without", test.name, got, without)
		if got > test.bound {
			t.Errorf("%s: got %d bytes a stream, want %d at most", test.name, got, test.bound)
		}
	}
}

// TestMemoryOfRefusals measures what is kept of streams that were refused.
func TestMemoryOfRefusals(t *testing.T) {
	const attempts, bound = 3000, 300
	tickets := middleware.NewTickets(middleware.TicketConfig{Keys: [][]byte{make([]byte, 32)}, Path: "/"})
	auth := middleware.Auth(middleware.AuthConfig{Check: func(context.Context, string) (middleware.Grant, error) {
		return middleware.Grant{}, errors.New("no such token")
	}})
	for name, refuses := range map[string]core.Middleware{
		"Auth":    auth,
		"Tickets": tickets.Middleware,
		"Limit":   middleware.Limit(middleware.LimitConfig{Rate: 0.001}),
		"Origin":  middleware.Origin(),
	} {
		hub := core.NewHub(core.HubConfig{})
		gate := core.NewGate(hub, core.GateConfig{Middleware: []core.Middleware{middleware.Logging(slog.New(slog.DiscardHandler)), refuses}})
		server := httptest.NewServer(gate.Subscribe("a"))
		ask := func(n int) (refused int) {
			for range n {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/?ticket=x", http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Authorization", "Bearer x")
				r.Header.Set("Origin", "https://evil.example")
				resp, err := server.Client().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					refused++
				}
			}
			return refused
		}
		if resp, err := server.Client().Head(server.URL); err != nil { // which uses up the rate
			t.Fatal(err)
		} else {
			_ = resp.Body.Close()
		}
		ask(10)
		before, goroutines := heapInUse(), runtime.NumGoroutine()
		if refused := ask(attempts); refused != attempts {
			t.Errorf("%s: got %d refused, want %d", name, refused, attempts)
		}
		each := (heapInUse() - before) / attempts
		t.Logf("%s: a refused stream leaves %d bytes, and %d goroutines in all", name, each, runtime.NumGoroutine()-goroutines)
		if each > bound || runtime.NumGoroutine() > goroutines {
			t.Errorf("%s: got %d bytes and %d goroutines more, want %d at most and none",
				name, each, runtime.NumGoroutine()-goroutines, bound)
		}
		server.Close()
		if err := hub.Close(); err != nil {
			t.Error(err)
		}
	}
}
