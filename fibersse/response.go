package fibersse

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/tidings-go/tidings/core"
)

// lastChunk is the write timeout of the end of a stream's body.
const lastChunk = 5 * time.Second

func serve(c *fiber.Ctx, endpoint *core.Endpoint) error {
	user, gone := context.WithCancelCause(c.UserContext())
	r := request(user, c)
	o := endpoint.Open(r)
	ctx := c.Context()
	for name, values := range o.Header {
		if !o.Adds(name) {
			ctx.Response.Header.Del(name)
		}
		for _, value := range values {
			ctx.Response.Header.Add(name, value)
		}
	}
	ctx.SetStatusCode(o.Status)
	if o.Streams || !reusable(ctx) {
		// The connection cannot serve another request: its deadlines are the
		// stream's, and bytes may have been read from it to notice a
		// disconnect.
		ctx.SetConnectionClose()
	}
	switch {
	case !o.Streams:
		gone(nil)
		ctx.Response.SetBody(o.Body)
	case o.Owned, r.ProtoMinor == 0:
		hijack(ctx, o, gone)
	default:
		ctx.Response.ImmediateHeaderFlush = true
		ctx.SetBodyStream(&body{opening: o, conn: ctx.Conn(), gone: gone, ended: make(chan struct{})}, -1)
	}
	return nil
}

// reusable reports whether the connection can serve another request: no byte of
// that was read yet, and no byte of this one is left.
func reusable(ctx *fasthttp.RequestCtx) bool {
	if ctx.RequestBodyStream() != nil {
		return false
	}
	switch bare(ctx.Conn()).(type) {
	case syscall.Conn, interface{ NetConn() net.Conn }:
		return true
	}
	return false // watching this connection means reading from it
}

// body is a stream in the form that fasthttp accepts: a reader, which it sends
// in chunks.
type body struct {
	opening *core.Opening
	conn    net.Conn
	gone    context.CancelCauseFunc

	pipe  io.ReadCloser // nil until fasthttp begins to read
	w     *bufio.Writer // the pipe's other end
	ended chan struct{}

	due     atomic.Int64 // the write deadline, in nanoseconds since 1970
	sending atomic.Bool  // fasthttp sends what it has read
	late    atomic.Bool  // that missed a deadline, before the next one was set
}

var _ core.Conn = (*body)(nil)

// Read returns the bytes that the stream sends. The stream runs from the first
// call on: by then the head is sent, and the server has set its own write
// deadline, which must not end the stream.
func (b *body) Read(p []byte) (int, error) {
	if b.pipe == nil {
		_ = b.conn.SetWriteDeadline(time.Time{})
		b.pipe = fasthttp.NewStreamReader(b.run)
	}
	b.sending.Store(false)
	b.late.Store(false)
	n, err := b.pipe.Read(p)
	b.sending.Store(n > 0)
	return n, err //nolint:wrapcheck // io.EOF must stay what it is.
}

// overdue reports whether what fasthttp sends has missed its deadline. fasthttp
// then closes the pipe, and does not say why.
func (b *body) overdue() bool {
	due := b.due.Load()
	return b.late.Load() || due != 0 && b.sending.Load() && due <= time.Now().UnixNano()
}

// failed returns the error of the pipe.
func (b *body) failed(err error) error {
	if err != nil && b.overdue() {
		err = fmt.Errorf("%w: %w", os.ErrDeadlineExceeded, err)
	}
	_, err = wrapped(0, err)
	return err
}

func (b *body) run(w *bufio.Writer) {
	defer close(b.ended)
	b.w = w
	b.opening.Run(b)
	_ = b.conn.SetWriteDeadline(time.Now().Add(lastChunk))
}

// Close ends the stream, and waits until its goroutine no longer uses the
// connection: fasthttp is about to close the connection, or to reuse its
// memory.
func (b *body) Close() error {
	if b.pipe == nil {
		b.opening.Abandon(fasthttp.ErrConnectionClosed)
		b.gone(nil)
		return nil
	}
	late := b.overdue()
	err := b.pipe.Close()
	if late {
		b.gone(core.ErrWriteTimeout)
	}
	b.gone(nil)
	<-b.ended
	_, err = wrapped(0, err)
	return err
}

// Write buffers p for Flush.
func (b *body) Write(p []byte) (int, error) {
	n, err := b.w.Write(p)
	return n, b.failed(err)
}

// Flush passes what was written to the pipe.
func (b *body) Flush() error { return b.failed(b.w.Flush()) }

// SetWriteDeadline keeps the current deadline if t is the zero time: the chunk
// that was flushed may not be sent yet.
func (b *body) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		return nil
	}
	if b.overdue() {
		b.late.Store(true) // fasthttp's write fails, or has failed
	}
	b.due.Store(t.UnixNano())
	_, err := wrapped(0, b.conn.SetWriteDeadline(t))
	return err
}

// hijack takes the connection over from fasthttp: for a stream whose connection
// core takes over, and for any other stream to a client of HTTP/1.0, which does
// not understand fasthttp's chunks. Unless o.Chunked, the body ends with the
// connection.
func hijack(ctx *fasthttp.RequestCtx, o *core.Opening, gone context.CancelCauseFunc) {
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(conn net.Conn) {
		defer gone(nil)
		defer func() { _ = conn.Close() }() // fasthttp does it only if it does not keep the connection
		h := &ctx.Response.Header
		h.SetContentLength(-2)
		h.Del(fiber.HeaderTransferEncoding) // "identity", which is no coding any more
		if o.Chunked {
			h.SetContentLength(-1)
		}
		if o.Owned {
			if run := o.Own(bare(conn), h.Header()); run != nil {
				run()
			}
			return
		}
		w := bufio.NewWriter(conn)
		_, _ = w.Write(h.Header()) // Flush returns the error again
		o.Run(ownConn{w, conn})
	})
}

// ownConn is a connection that was taken over from fasthttp.
type ownConn struct {
	w    *bufio.Writer
	conn net.Conn
}

var _ core.Conn = ownConn{}

// Write buffers p for Flush.
func (o ownConn) Write(p []byte) (int, error) { return wrapped(o.w.Write(p)) }

// Flush sends what was written.
func (o ownConn) Flush() error {
	_, err := wrapped(0, o.w.Flush())
	return err
}

// SetWriteDeadline sets the deadline of Flush.
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
