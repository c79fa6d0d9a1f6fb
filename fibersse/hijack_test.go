//nolint:bodyclose // The bodies end with their connections, which are closed.
package fibersse_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/adaptertest"
	"github.com/tidings-go/tidings/middleware"
)

// serverTLS returns the configuration of a server with TLS.
func serverTLS() *tls.Config {
	example := httptest.NewTLSServer(nil)
	defer example.Close()
	return &tls.Config{Certificates: example.TLS.Certificates, MinVersion: tls.VersionTLS12}
}

// Hijacked connections are served and counted, and end on both sides, however
// the server tracks them.
func TestHijackedConns(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		for _, perIP := range []int{0, 1000} {
			for _, secure := range []bool{false, true} {
				s := site{tune: func(s *fasthttp.Server) { s.KeepHijackedConns, s.MaxConnsPerIP = keep, perIP }}
				if secure {
					s.tls = serverTLS()
				}
				t.Run(fmt.Sprintf("keep %t, per address %d, TLS %t", keep, perIP, secure), func(t *testing.T) {
					t.Parallel()
					hijacked(t, s)
				})
			}
		}
	}
}

func hijacked(t *testing.T, s site) {
	t.Helper()
	const streams = 10
	hub := core.NewHub(core.HubConfig{})
	closes := make(chan core.Summary, 2*streams)
	gate := core.NewGate(hub, core.GateConfig{Heartbeat: -1, Conn: core.OwnedConn, Middleware: []core.Middleware{
		func(h *core.Handshake) error {
			h.OnClose(func(sum core.Summary) { closes <- sum })
			return nil
		},
	}})
	// Connections of HTTP/1.0 are hijacked, too.
	old := gate.Handle(func(s *core.Sender) error { return s.Send(core.Event{Data: "old"}) })
	dial := serve(t, s,
		adaptertest.Route{Method: fiber.MethodGet, Path: "/channel", Endpoint: gate.Subscribe("news")},
		adaptertest.Route{Method: fiber.MethodGet, Path: "/old", Endpoint: old})
	clients := make([]*conn, streams)
	for i := range clients {
		clients[i] = dial()
		resp := clients[i].ask(t, "GET /channel HTTP/1.1\r\nHost: a.example\r\n\r\n")
		clients[i].in = bufio.NewReader(resp.Body)
	}
	if got := hub.Stats().Streams; got != streams {
		t.Errorf("streams: got %d, want %d", got, streams)
	}
	for _, c := range clients[:streams/2] {
		_ = c.Close()
		wantClose(t, closes, core.ErrClientGone)
	}
	if got := hub.Stats().Streams; got != streams/2 {
		t.Errorf("streams after half of them left: got %d, want %d", got, streams/2)
	}
	if _, err := hub.Publish(t.Context(), "news", core.Event{Data: "to all"}); err != nil {
		t.Fatalf("Publish: %v", err)
	}
	for i, c := range clients[streams/2:] {
		if ev, err := core.NewDecoder(c.in, core.DecoderConfig{}).Next(); err != nil || ev.Data != "to all" {
			t.Errorf("stream %d: got %+v and %v, want the event", i, ev, err)
		}
	}
	wantBody(t, dial().ask(t, "GET /old HTTP/1.0\r\n\r\n").Body, "data: old\n")
	wantClose(t, closes, core.ErrClosed)
	if err := hub.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	for _, c := range clients[streams/2:] {
		if _, err := io.Copy(io.Discard, c.in); err != nil {
			t.Errorf("end of a stream: got %v, want a decent one", err)
		}
		wantClose(t, closes, core.ErrHubClosed)
	}
}

// The server's limit does not count hijacked connections; that of the
// middleware does.
func TestLimitCountsHijackedConns(t *testing.T) {
	t.Parallel()
	const limit = 3
	closes := make(chan core.Summary, 2*limit)
	gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{Heartbeat: -1, Conn: core.OwnedConn, Middleware: []core.Middleware{
		func(h *core.Handshake) error {
			h.OnClose(func(sum core.Summary) { closes <- sum }) // called when the limit has its place back
			return nil
		},
		middleware.Limit(middleware.LimitConfig{PerAddress: limit}),
	}})
	dial := serve(t, site{tune: func(s *fasthttp.Server) { s.MaxConnsPerIP = 100 }},
		adaptertest.Route{Method: fiber.MethodGet, Path: "/", Endpoint: gate.Subscribe("news")})
	ask := func() (*conn, int) {
		c := dial()
		// This fasthttp panics if it shuts down while a client that it counts
		// leaves an idle connection.
		return c, c.ask(t, "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").StatusCode
	}
	for range 3 {
		var open []*conn
		for i := range limit {
			c, status := ask()
			if status != http.StatusOK {
				t.Fatalf("stream %d: got %d, want 200", i, status)
			}
			open = append(open, c)
		}
		if _, status := ask(); status != http.StatusTooManyRequests {
			t.Errorf("one too many: got %d, want 429", status)
		}
		wantClose(t, closes, middleware.ErrTooManyFromAddress)
		for _, c := range open {
			_ = c.Close()
			wantClose(t, closes, core.ErrClientGone)
		}
	}
}
