package fibersse_test

import (
	"context"
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

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/fibersse"
)

// upload adds a route that reads its body while it has a context, and then
// waits for the context's end or its release.
func upload(p *plainApp) {
	p.app.Post("/upload", func(c *fiber.Ctx) error {
		ctx := fibersse.Context(c)
		p.entered <- ctx
		n, err := io.Copy(io.Discard, c.Context().RequestBodyStream())
		p.entered <- ctx
		select {
		case <-ctx.Done():
		case <-p.release:
		}
		return c.SendString(fmt.Sprintf("%d bytes, %v, cause: %v", n, err, context.Cause(ctx)))
	})
}

// A handler reads its body while its client is watched.
func TestContextStreamedBody(t *testing.T) {
	t.Parallel()
	part := strings.Repeat("x", 10_000)
	for name, s := range map[string]site{
		"plain":       {},
		"TLS":         {tls: serverTLS()},
		"timeouts":    {cfg: fiber.Config{ReadTimeout: patience, IdleTimeout: patience}},
		"hidden, TLS": {tls: serverTLS(), hide: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.cfg.StreamRequestBody = true
			p := mount(t, s, upload)
			c := p.dial()
			for _, head := range []string{"", "Expect: 100-continue\r\n"} {
				c.send(t, "POST /upload HTTP/1.1\r\nHost: a.example\r\nContent-Length: 200000\r\n"+head+"\r\n")
				if head != "" {
					c.wantAnswer(t, http.StatusContinue, "")
				}
				c.send(t, part)
				ctx := p.enter(t)
				for range 19 {
					wantNoEnd(ctx, t)
					c.send(t, part)
				}
				wantNoEnd(p.enter(t), t)
				p.release <- struct{}{}
				c.wantAnswer(t, http.StatusOK, "200000 bytes, <nil>, cause: <nil>")
				wantEnd(ctx, t, context.Canceled)
			}
		})
	}
}

// A disconnect in the middle of a request's body ends the context.
func TestContextClientLeavesAmidBody(t *testing.T) {
	t.Parallel()
	for how, leave := range disconnects() {
		p := mount(t, site{cfg: fiber.Config{StreamRequestBody: true}}, upload)
		c := p.dial()
		c.send(t, "POST /upload HTTP/1.1\r\nHost: a.example\r\nContent-Length: 200000\r\n\r\n"+strings.Repeat("x", 10_000))
		ctx := p.enter(t)
		if err := leave(c.tcp()); err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		wantEnd(ctx, t, core.ErrClientGone)
	}
}

// The server's own timeout still ends a body that does not come.
func TestContextKeepsReadTimeout(t *testing.T) {
	t.Parallel()
	p := mount(t, site{cfg: fiber.Config{StreamRequestBody: true, ReadTimeout: 50 * time.Millisecond}}, upload)
	c := p.dial()
	c.send(t, "POST /upload HTTP/1.1\r\nHost: a.example\r\nContent-Length: 200000\r\n\r\n"+strings.Repeat("x", 10_000))
	ctx := p.enter(t)
	wantNoEnd(p.enter(t), t)
	p.release <- struct{}{}
	c.wantAnswer(t, http.StatusOK, "timeout, cause: <nil>")
	wantEnd(ctx, t, context.Canceled)
}

// The input of an upgraded connection is left to its new handler.
func TestContextUpgrade(t *testing.T) {
	t.Parallel()
	for _, s := range []site{{}, {tls: serverTLS()}, {tls: serverTLS(), hide: true}} {
		p := mount(t, s, func(p *plainApp) {
			p.app.Get("/upgrade", func(c *fiber.Ctx) error {
				ctx := fibersse.Context(c)
				c.Context().HijackSetNoResponse(true)
				c.Context().Hijack(func(conn net.Conn) {
					p.entered <- ctx
					line := make([]byte, 5)
					_, err := io.ReadFull(conn, line)
					_, _ = fmt.Fprintf(conn, "%s %v", line, errors.Join(err, ctx.Err()))
				})
				return nil
			})
		})
		c := p.dial()
		c.send(t, "GET /upgrade HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		ctx := p.enter(t)
		c.send(t, "hello")
		wantBody(t, c.in, "hello <nil>")
		wantEnd(ctx, t, context.Canceled)
	}
}

// With app.Test, no client can disconnect: the context ends with the request.
func TestContextAppTest(t *testing.T) {
	t.Parallel()
	app := fiber.New()
	var kept context.Context
	app.Get("/", func(c *fiber.Ctx) error {
		kept = fibersse.Context(c) //nolint:fatcontext // It is looked at later.
		return c.SendString(fmt.Sprint("cause: ", context.Cause(kept)))
	})
	resp, err := app.Test(httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if err != nil {
		t.Fatalf("GET: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	wantBody(t, resp.Body, "cause: <nil>")
	wantEnd(kept, t, context.Canceled)
}
