package fibersse_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"github.com/tidings-go/tidings/fibersse"
)

// plainApp is a Fiber app without streams, whose handlers the test controls.
type plainApp struct {
	app     *fiber.App
	dial    func() *conn
	entered chan context.Context // the context of each request that has begun
	release chan struct{}        // lets one handler return
}

// mount serves a plain app. Its handler at / waits until its context ends or it
// is released, and answers with the cause; other routes may be added.
func mount(t *testing.T, s site, routes func(p *plainApp)) *plainApp {
	t.Helper()
	s.cfg.DisableStartupMessage = true
	p := &plainApp{app: fiber.New(s.cfg), entered: make(chan context.Context, 100), release: make(chan struct{})}
	p.app.Server().MaxIdleWorkerDuration = time.Second // tests wait until they are gone
	if s.tune != nil {
		s.tune(p.app.Server())
	}
	p.app.Use(recover.New())
	p.app.All("/", p.wait)
	if routes != nil {
		routes(p)
	}
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	served := make(chan error, 1)
	go func() { served <- p.app.Listener(listener(ln, s)) }()
	t.Cleanup(func() {
		if err := errors.Join(p.app.ShutdownWithTimeout(patience), <-served); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	p.dial = func() *conn { return dialled(t, ln.Addr().String(), s.tls != nil) }
	return p
}

func listener(ln net.Listener, s site) net.Listener {
	if s.hide {
		ln = hidingListener{ln}
	}
	if s.tls != nil {
		ln = tls.NewListener(ln, s.tls)
	}
	return ln
}

// hidingListener accepts connections that hide their descriptor.
type hidingListener struct{ net.Listener }

func (h hidingListener) Accept() (net.Conn, error) {
	c, err := h.Listener.Accept()
	return struct{ net.Conn }{c}, err
}

func (p *plainApp) wait(c *fiber.Ctx) error {
	ctx := fibersse.Context(c)
	p.entered <- ctx
	select {
	case <-ctx.Done():
	case <-p.release:
	}
	return c.SendString(fmt.Sprint("cause: ", context.Cause(ctx)))
}

// enter returns the context of the next request.
func (p *plainApp) enter(t *testing.T) context.Context {
	t.Helper()
	select {
	case ctx := <-p.entered:
		return ctx
	case <-time.After(patience):
		t.Fatal("request: it has not begun")
		return nil
	}
}

// send writes a request as it is.
func (c *conn) send(t *testing.T, request string) {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatalf("request: %v", err)
	}
}

// wantAnswer reads the answer to a request, and the word in its body.
func (c *conn) wantAnswer(t *testing.T, status int, word string) {
	t.Helper()
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatalf("answer: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != status {
		t.Errorf("answer: got %d, want %d", resp.StatusCode, status)
	}
	wantBody(t, resp.Body, word)
}

// wantEnd waits for the end of a context, and checks its cause.
func wantEnd(ctx context.Context, t *testing.T, want error) {
	t.Helper()
	select {
	case <-ctx.Done():
		if got := context.Cause(ctx); !errors.Is(got, want) {
			t.Errorf("cause: got %v, want %v", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("context: got no end, want %v", want)
	}
}

func wantNoEnd(ctx context.Context, t *testing.T) {
	t.Helper()
	if ctx.Err() != nil {
		t.Errorf("context: got %v, want no end", context.Cause(ctx))
	}
}

const (
	get  = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
	old  = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
	post = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nbody"
)

// disconnects are the ways to disconnect, on the connection below TLS.
func disconnects() map[string]func(c *net.TCPConn) error {
	return map[string]func(c *net.TCPConn) error{
		"closes":      (*net.TCPConn).Close,
		"half closes": (*net.TCPConn).CloseWrite,
		"resets":      func(c *net.TCPConn) error { return errors.Join(c.SetLinger(0), c.Close()) },
	}
}

// tcp returns the connection below TLS.
func (c *conn) tcp() *net.TCPConn {
	inner := c.Conn
	if t, ok := inner.(*tls.Conn); ok {
		inner = t.NetConn()
	}
	return inner.(*net.TCPConn) //nolint:forcetypeassert,errcheck // TCP was dialled.
}
