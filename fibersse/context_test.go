package fibersse_test

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/fibersse"
)

// sites are servers that detect disconnects.
func sites() map[string]site {
	counted := func(s *fasthttp.Server) { s.MaxConnsPerIP = 1000 }
	return map[string]site{
		"plain":             {},
		"TLS":               {tls: serverTLS()},
		"counted":           {tune: counted},
		"counted, TLS":      {tune: counted, tls: serverTLS()},
		"low memory":        {cfg: fiber.Config{ReduceMemoryUsage: true}},
		"timeouts":          {cfg: fiber.Config{ReadTimeout: patience, WriteTimeout: patience, IdleTimeout: patience}},
		"streamed requests": {cfg: fiber.Config{StreamRequestBody: true}},
		"hidden, TLS":       {hide: true, tls: serverTLS()},
	}
}

func TestContextClientLeaves(t *testing.T) {
	t.Parallel()
	for name, s := range sites() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := mount(t, s, nil)
			for how, leave := range disconnects() {
				for _, request := range []string{get, old, post} {
					if strings.HasPrefix(name, "counted") { // its shutdown panics if a client leaves an idle connection
						request = strings.Replace(request, "\r\n", "\r\nConnection: close\r\n", 1)
					}
					c := p.dial()
					c.send(t, request)
					ctx := p.enter(t)
					wantNoEnd(ctx, t)
					if err := leave(c.tcp()); err != nil {
						t.Fatalf("%s: %v", how, err)
					}
					wantEnd(ctx, t, core.ErrClientGone)
				}
			}
		})
	}
}

// Clients that wait receive their responses, on one connection after another,
// and contexts end with their requests.
func TestContextClientStays(t *testing.T) {
	t.Parallel()
	for name, s := range sites() {
		if strings.HasPrefix(name, "counted") {
			continue // see above
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := mount(t, s, nil)
			c := p.dial()
			for range 10 {
				for _, request := range []string{get, old, post} {
					c.send(t, request)
					ctx := p.enter(t)
					p.release <- struct{}{}
					c.wantAnswer(t, http.StatusOK, "cause: <nil>")
					wantEnd(ctx, t, context.Canceled)
				}
			}
			c.send(t, get)
			_ = c.tcp().CloseWrite()
			wantEnd(p.enter(t), t, core.ErrClientGone)
			c.wantAnswer(t, http.StatusOK, "cause: "+core.ErrClientGone.Error())
		})
	}
}

func TestContextPipelinedRequests(t *testing.T) {
	t.Parallel()
	for _, s := range []site{{}, {tls: serverTLS()}, {cfg: fiber.Config{StreamRequestBody: true}}} {
		p := mount(t, s, nil)
		c := p.dial()
		c.send(t, get+get)
		first := p.enter(t)
		c.send(t, strings.Repeat(get, 1000)+post+get)
		wantNoEnd(first, t)
		for range 1003 {
			p.release <- struct{}{}
			wantNoEnd(p.enter(t), t)
		}
		_ = c.tcp().CloseWrite()
		for range 1003 { // fasthttp sends them together
			c.wantAnswer(t, http.StatusOK, "cause: <nil>")
		}
		c.wantAnswer(t, http.StatusOK, "cause: "+core.ErrClientGone.Error())
		wantEnd(first, t, context.Canceled)
	}
}

// If the watch reads the connection, a pipelined request closes it; no part of
// it is taken for another request.
func TestContextPipelinedRequestsHidden(t *testing.T) {
	t.Parallel()
	p := mount(t, site{hide: true, tls: serverTLS()}, func(p *plainApp) {
		p.app.Get("/next", func(c *fiber.Ctx) error { return c.SendString("next") })
	})
	for range 20 {
		c := p.dial()
		c.send(t, get)
		ctx := p.enter(t)
		c.send(t, "GET /next HTTP/1.1\r\nHost: a.example\r\n\r\n") // read before or after the handler returns
		wantNoEnd(ctx, t)
		p.release <- struct{}{}
		c.wantAnswer(t, http.StatusOK, "cause: <nil>")
		if resp, err := http.ReadResponse(c.in, nil); err == nil {
			wantBody(t, resp.Body, "next")
			_ = resp.Body.Close()
		}
		_ = c.Close()
	}
}

// The context of an answered request stays ended when its connection and its
// Ctx are used again.
func TestContextKept(t *testing.T) {
	t.Parallel()
	p := mount(t, site{}, nil)
	c := p.dial()
	var kept []context.Context
	for range 10 {
		c.send(t, get)
		kept = append(kept, p.enter(t))
		p.release <- struct{}{}
		c.wantAnswer(t, http.StatusOK, "cause: <nil>")
	}
	c.send(t, get)
	last := p.enter(t)
	for _, ctx := range kept {
		wantEnd(ctx, t, context.Canceled)
	}
	_ = c.Close()
	wantEnd(last, t, core.ErrClientGone)
	for _, ctx := range kept {
		wantEnd(ctx, t, context.Canceled)
	}
}

func TestContextPanic(t *testing.T) {
	t.Parallel()
	p := mount(t, site{}, func(p *plainApp) {
		p.app.Get("/panic", func(c *fiber.Ctx) error {
			p.entered <- fibersse.Context(c)
			panic("on purpose")
		})
	})
	c := p.dial()
	c.send(t, "GET /panic HTTP/1.1\r\nHost: a.example\r\n\r\n")
	c.wantAnswer(t, http.StatusInternalServerError, "on purpose")
	wantEnd(p.enter(t), t, context.Canceled)
	c.send(t, get)
	wantNoEnd(p.enter(t), t)
	p.release <- struct{}{}
	c.wantAnswer(t, http.StatusOK, "cause: <nil>")
}

// A context whose request has timed out ends with the connection, on whichever
// side it is closed, and does not affect other requests.
func TestContextTimedOut(t *testing.T) {
	t.Parallel()
	p := mount(t, site{}, func(p *plainApp) {
		p.app.Get("/late", func(c *fiber.Ctx) error {
			p.entered <- fibersse.Context(c)
			c.Context().TimeoutError("late")
			return nil
		})
	})
	const late = "GET /late HTTP/1.1\r\nHost: a.example\r\n"
	c := p.dial()
	c.send(t, late+"\r\n")
	c.wantAnswer(t, http.StatusRequestTimeout, "late")
	lost := p.enter(t)
	c.send(t, get)
	next := p.enter(t)
	wantNoEnd(next, t)
	p.release <- struct{}{}
	c.wantAnswer(t, http.StatusOK, "cause: <nil>")
	wantEnd(next, t, context.Canceled)
	c.send(t, get)
	next = p.enter(t)
	_ = c.Close()
	wantEnd(lost, t, core.ErrClientGone)
	wantEnd(next, t, core.ErrClientGone)

	c = p.dial()
	c.send(t, late+"Connection: close\r\n\r\n")
	c.wantAnswer(t, http.StatusRequestTimeout, "late")
	wantEnd(p.enter(t), t, core.ErrClientGone)
}

// Shutdown waits for requests; it does not end their contexts.
func TestContextShutdown(t *testing.T) {
	t.Parallel()
	p := mount(t, site{}, func(p *plainApp) {
		p.app.Get("/shutdown", func(c *fiber.Ctx) error {
			begun := c.Context().Done()
			ctx := fibersse.Context(c)
			p.entered <- ctx
			<-begun
			p.entered <- ctx
			<-ctx.Done()
			return nil
		})
	})
	c := p.dial()
	c.send(t, "GET /shutdown HTTP/1.1\r\nHost: a.example\r\n\r\n")
	p.enter(t)
	down := make(chan error, 1)
	go func() { down <- p.app.ShutdownWithTimeout(patience) }()
	ctx := p.enter(t)
	wantNoEnd(ctx, t)
	_ = c.Close()
	wantEnd(ctx, t, core.ErrClientGone)
	if err := <-down; err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

func TestContextParents(t *testing.T) {
	t.Parallel()
	type key struct{}
	deadline := time.Now().Add(time.Hour)
	p := mount(t, site{}, func(p *plainApp) {
		p.app.Get("/parents", func(c *fiber.Ctx) error {
			first := fibersse.Context(c)
			if fibersse.Context(c) != first {
				t.Error("context: got two for one request, want one")
			}
			parent, cancel := context.WithDeadline(context.WithValue(first, key{}, "value"), deadline)
			defer cancel()
			c.SetUserContext(parent)
			second := fibersse.Context(c)
			if got, _ := second.Deadline(); got != deadline || second.Value(key{}) != "value" {
				t.Errorf("context: got deadline %v and value %v, want the user context's", got, second.Value(key{}))
			}
			c.SetUserContext(second)
			p.entered <- fibersse.Context(c)
			p.entered <- first
			<-second.Done()
			return nil
		})
	})
	c := p.dial()
	c.send(t, "GET /parents HTTP/1.1\r\nHost: a.example\r\n\r\n")
	second, first := p.enter(t), p.enter(t)
	wantNoEnd(first, t)
	_ = c.Close()
	wantEnd(first, t, core.ErrClientGone)
	wantEnd(second, t, core.ErrClientGone)
}

// The context lasts as long as the response's body.
func TestContextBodyStream(t *testing.T) {
	t.Parallel()
	wrote := make(chan error, 1)
	p := mount(t, site{}, func(p *plainApp) {
		p.app.Get("/stream", func(c *fiber.Ctx) error {
			ctx := fibersse.Context(c)
			c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
				p.entered <- ctx
				<-ctx.Done()
				wrote <- context.Cause(ctx)
			})
			return nil
		})
	})
	c := p.dial()
	c.send(t, "GET /stream HTTP/1.1\r\nHost: a.example\r\n\r\n")
	wantNoEnd(p.enter(t), t)
	_ = c.Close()
	if got := <-wrote; !errors.Is(got, core.ErrClientGone) {
		t.Errorf("cause: got %v, want %v", got, core.ErrClientGone)
	}
}

// A stream whose user context is such a context ends when its client
// disconnects.
func TestContextOfStream(t *testing.T) {
	t.Parallel()
	for _, s := range []site{{}, {tls: serverTLS()}, {hide: true, tls: serverTLS()}} {
		for _, kind := range []core.ConnMode{core.OwnedConn, core.ResponseConn} {
			hub := core.NewHub(core.HubConfig{})
			closes := make(chan core.Summary, 1)
			gate := fibersse.New(hub, core.GateConfig{Conn: kind, Middleware: []core.Middleware{func(h *core.Handshake) error {
				h.OnClose(func(sum core.Summary) { closes <- sum })
				return nil
			}}})
			p := mount(t, s, func(p *plainApp) {
				p.app.Use("/events", func(c *fiber.Ctx) error {
					c.SetUserContext(fibersse.Context(c))
					return c.Next()
				})
				p.app.Get("/events", gate.Subscribe("news"))
			})
			c := p.dial()
			resp := c.ask(t, "GET /events HTTP/1.1\r\nHost: a.example\r\n\r\n")
			body := core.NewDecoder(resp.Body, core.DecoderConfig{})
			if _, err := hub.Publish(t.Context(), "news", core.Event{Data: "one"}); err != nil {
				t.Fatalf("Publish: %v", err)
			}
			if ev, err := body.Next(); err != nil || ev.Data != "one" {
				t.Errorf("stream: got %+v and %v, want the event", ev, err)
			}
			_ = c.Close()
			wantClose(t, closes, core.ErrClientGone)
			if err := hub.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			_ = resp.Body.Close()
		}
	}
}
