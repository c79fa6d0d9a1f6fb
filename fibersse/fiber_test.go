//nolint:bodyclose // The bodies end with their connections, which are closed.
package fibersse_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/adaptertest"
	"github.com/tidings-go/tidings/fibersse"
)

// patience bounds every wait. Only a failing test takes so long.
const patience = 20 * time.Second

// site is the configuration of an app.
type site struct {
	cfg  fiber.Config
	tune func(*fasthttp.Server)
	tls  *tls.Config
	hide bool // connections hide their descriptors
}

// serve starts an app, and returns a function that connects to it.
func serve(t *testing.T, s site, routes ...adaptertest.Route) (dial func() *conn) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	shutdown := start(adaptertest.Site{Listener: ln, TLS: s.tls, Routes: routes}, s.cfg, s.tune)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return func() *conn { return dialled(t, ln.Addr().String(), s.tls != nil) }
}

// dialled connects to a server.
func dialled(tb testing.TB, address string, secure bool) *conn {
	tb.Helper()
	c, err := net.Dial("tcp4", address)
	if err != nil {
		tb.Fatalf("dial: %v", err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	if secure {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	return &conn{Conn: c, in: bufio.NewReader(c)}
}

// conn is a client's connection.
type conn struct {
	net.Conn

	in *bufio.Reader
}

// ask writes a request as it is, and reads the answer's head.
func (c *conn) ask(t *testing.T, request string) *http.Response {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatalf("request: %v", err)
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatalf("answer: %v", err)
	}
	return resp
}

// wantBody reads a body, and the word that it must hold.
func wantBody(t *testing.T, body io.Reader, want string) {
	t.Helper()
	text, err := io.ReadAll(body)
	if err != nil || !strings.Contains(string(text), want) {
		t.Errorf("body: got %q and %v, want %q in it", text, err, want)
	}
}

// gate returns a gate whose closed streams are reported.
func gate(hub *core.Hub) (*core.Gate, chan core.Summary) {
	closes := make(chan core.Summary, 100)
	return core.NewGate(hub, core.GateConfig{Heartbeat: -1, Middleware: []core.Middleware{func(h *core.Handshake) error {
		h.OnClose(func(sum core.Summary) { closes <- sum })
		return nil
	}}}), closes
}

func wantClose(t *testing.T, closes <-chan core.Summary, want error) {
	t.Helper()
	select {
	case sum := <-closes:
		if !errors.Is(sum.Reason, want) {
			t.Errorf("summary: got %+v, want %v", sum, want)
		}
	case <-time.After(patience):
		t.Fatal("end of the stream: got none")
	}
}

// With MaxConnsPerIP, fasthttp wraps connections, and reuses the wrappers.
func TestWrappedConn(t *testing.T) {
	t.Parallel()
	g, closes := gate(core.NewHub(core.HubConfig{}))
	wait := g.Handle(func(s *core.Sender) error { <-s.Done(); return nil })
	for _, limit := range []int{0, 1000} {
		dial := serve(t, site{tune: func(s *fasthttp.Server) { s.MaxConnsPerIP = limit }},
			adaptertest.Route{Method: fiber.MethodGet, Path: "/", Endpoint: wait},
			adaptertest.Route{Method: fiber.MethodPost, Path: "/", Endpoint: wait})
		for range 20 {
			for _, request := range []string{
				"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
				"GET / HTTP/1.0\r\nHost: a.example\r\n\r\n",
				"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nbody",
			} {
				c := dial()
				c.ask(t, request)
				_ = c.Close()
				wantClose(t, closes, core.ErrClientGone)
			}
		}
	}
}

// A body that fasthttp has not read is read before the stream begins. No part
// of a refused body is taken for the next request.
func TestStreamRequestBody(t *testing.T) {
	t.Parallel()
	g := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{MaxBody: 200_000})
	echo := g.Handle(func(s *core.Sender) error {
		body, err := io.ReadAll(s.Request().Body)
		if err != nil {
			return err
		}
		return s.Send(core.Event{Data: fmt.Sprint("got ", len(body))})
	})
	dial := serve(t, site{cfg: fiber.Config{StreamRequestBody: true}},
		adaptertest.Route{Method: fiber.MethodPost, Path: "/", Endpoint: echo})
	for _, size := range []int{1, 100, 100_000, 200_000} {
		resp := dial().ask(t, fmt.Sprintf("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n%s",
			size, strings.Repeat("x", size)))
		wantBody(t, resp.Body, fmt.Sprint("got ", size))
	}
	resp := dial().ask(t, fmt.Sprintf("POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n",
		50_000, strings.Repeat("x", 50_000)))
	wantBody(t, resp.Body, "got 50000")
	resp = dial().ask(t, fmt.Sprintf("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n%s",
		200_001, strings.Repeat("x", 200_001)))
	if resp.StatusCode != http.StatusRequestEntityTooLarge || !resp.Close {
		t.Errorf("body that is too large: got %s, connection closed %t, want 413 and true", resp.Status, resp.Close)
	}
}

// With app.Test, there is no connection to hijack.
func TestAppTest(t *testing.T) {
	t.Parallel()
	hub := core.NewHub(core.HubConfig{})
	g := fibersse.New(hub, core.GateConfig{})
	app := fiber.New()
	app.Get("/once", g.OneShot(func(*core.Handshake) (core.Event, error) { return core.Event{Data: "now"}, nil }))
	app.Get("/handler", g.Handle(func(s *core.Sender) error { return s.Send(core.Event{Data: "all"}) }))
	app.Get("/rooms/:room", g.SubscribeFunc(func(c *fiber.Ctx, _ *core.Handshake) (core.Subscription, error) {
		if room := c.Params("room"); room != "open" {
			return core.Subscription{}, fmt.Errorf("room: %w", fiber.NewError(fiber.StatusTeapot, "Closed: "+room))
		}
		return core.Subscription{Channels: []string{c.Params("room")}}, nil
	}))
	for path, want := range map[string]string{
		"/once":       "200 data: now\n\n",
		"/handler":    "200 retry: 3000\n\n: open\n\ndata: all\n\n",
		"/rooms/x":    "418 Closed: x\n",
		"/rooms/open": "406 This resource is an event stream: accept text/event-stream.\n",
	} {
		req := httptest.NewRequest(http.MethodGet, path, http.NoBody)
		if path == "/rooms/open" {
			req.Header.Set("Accept", "text/html")
		}
		resp, err := app.Test(req, int(patience/time.Millisecond))
		if err != nil {
			t.Fatalf("GET %s: %v", path, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Errorf("GET %s, body: %v", path, err)
		}
		if got := fmt.Sprint(resp.StatusCode, " ", string(body)); got != want {
			t.Errorf("GET %s: got %q, want %q", path, got, want)
		}
	}
}

// A subscription may contain strings that belong to the context.
func TestSubscribeFuncStrings(t *testing.T) {
	t.Parallel()
	hub := core.NewHub(core.HubConfig{})
	g := fibersse.New(hub, core.GateConfig{Heartbeat: -1})
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/:channel", g.SubscribeFunc(func(c *fiber.Ctx, _ *core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{c.Params("channel")}, After: c.Query("after")}, nil
	}))
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(ln) }()
	t.Cleanup(func() {
		if err := errors.Join(hub.Close(), app.ShutdownWithTimeout(patience), <-served); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	const streams = 20
	conns := make([]*conn, streams)
	for i := range conns {
		c, err := net.Dial("tcp4", ln.Addr().String())
		if err != nil {
			t.Fatalf("dial: %v", err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience))
		conns[i] = &conn{Conn: c, in: bufio.NewReader(c)}
		resp := conns[i].ask(t, fmt.Sprintf("GET /channel-%02d HTTP/1.1\r\nHost: a.example\r\n\r\n", i))
		conns[i].in = bufio.NewReader(resp.Body)
	}
	for i, c := range conns {
		want := fmt.Sprintf("only for %02d", i)
		if _, err := hub.Publish(t.Context(), fmt.Sprintf("channel-%02d", i), core.Event{Data: want}); err != nil {
			t.Fatalf("Publish: %v", err)
		}
		ev, err := core.NewDecoder(c.in, core.DecoderConfig{}).Next()
		if err != nil || ev.Data != want {
			t.Errorf("stream %d: got %+v and %v, want %q", i, ev, err, want)
		}
	}
}
