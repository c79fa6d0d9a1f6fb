package fibersse

import (
	"bufio"
	"fmt"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/tidings-go/tidings/core"
)

// lastChunk is how long the end of a stream's body may take to be written.
const lastChunk = 5 * time.Second

func serve(c *fiber.Ctx, endpoint *core.Endpoint) error {
	r := request(c)
	o := endpoint.Open(r)
	ctx := c.Context()
	for name, values := range o.Header {
		ctx.Response.Header.Del(name)
		for _, value := range values {
			ctx.Response.Header.Add(name, value)
		}
	}
	ctx.SetStatusCode(o.Status)
	if !o.Streams {
		ctx.Response.SetBody(o.Body)
		return nil
	}
	// Neither the deadlines nor what was read to notice a disconnect would be
	// right for another request on the connection.
	ctx.SetConnectionClose()
	if r.ProtoMinor == 0 {
		hijack(ctx, o)
		return nil
	}
	conn := ctx.Conn()
	ctx.Response.ImmediateHeaderFlush = true
	ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
		o.Run(bodyStream{w, conn})
		_ = conn.SetWriteDeadline(time.Now().Add(lastChunk))
	})
	return nil
}

// bodyStream is a response whose body fasthttp sends in chunks, from a
// goroutine of its own.
type bodyStream struct {
	w    *bufio.Writer
	conn net.Conn
}

var _ core.Conn = bodyStream{}

func (b bodyStream) Write(p []byte) (int, error) { return wrapped(b.w.Write(p)) }

func (b bodyStream) Flush() error {
	_, err := wrapped(0, b.w.Flush())
	return err
}

// SetWriteDeadline leaves the bound in place when it is told to lift it: the
// chunk that was flushed may not be sent yet.
func (b bodyStream) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		return nil
	}
	_, err := wrapped(0, b.conn.SetWriteDeadline(t))
	return err
}

// hijack serves a client of HTTP/1.0, which knows no chunks: the body ends with
// the connection.
func hijack(ctx *fasthttp.RequestCtx, o *core.Opening) {
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(conn net.Conn) {
		ctx.Response.Header.SetContentLength(-2) // neither a length nor chunks
		w := bufio.NewWriter(conn)
		_, _ = w.Write(ctx.Response.Header.Header()) // an error comes again with the flush
		o.Run(ownConn{w, conn})
	})
}

// ownConn is a connection that was taken over from fasthttp.
type ownConn struct {
	w    *bufio.Writer
	conn net.Conn
}

var _ core.Conn = ownConn{}

func (o ownConn) Write(p []byte) (int, error) { return wrapped(o.w.Write(p)) }

func (o ownConn) Flush() error {
	_, err := wrapped(0, o.w.Flush())
	return err
}

func (o ownConn) SetWriteDeadline(t time.Time) error {
	_, err := wrapped(0, o.conn.SetWriteDeadline(t))
	return err
}

func wrapped(n int, err error) (int, error) {
	if err != nil {
		return n, fmt.Errorf("fibersse: %w", err)
	}
	return n, nil
}
