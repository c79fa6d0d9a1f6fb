package fibersse

import (
	"context"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/tidings-go/tidings/core"
)

// watchKey is the key of a request's *core.ConnWatch in a fiber.Ctx.
type watchKey struct{}

// Context returns a context for any handler, not only that of a stream. It ends
// when the client leaves, mostly within a millisecond and with the cause
// [core.ErrClientGone]; and when the request is over, that is, when its response
// has been sent, including a body stream, or a connection that it hijacked is
// done. Values and deadline are those of [fiber.Ctx.UserContext] at the time of
// the call. To give the context to all handlers that follow, set it as the user
// context.
//
// The context need not be released. It may be kept: it has ended then, and never
// becomes that of another request. Context takes no goroutine for a request and
// does not read from the connection. Like the methods of a [fiber.Ctx], it is to
// be called before the handler returns, in the handler's goroutine.
//
// As in net/http, a client that half-closes its connection has left, one that
// sends the next request has not, and the server's shutdown ends no context.
// Unlike in net/http:
//   - A half-close also counts before the handler has read all of a body that
//     fasthttp streams (StreamRequestBody). To read it all first, call Context
//     afterwards.
//   - Under TLS, it is the end of the TCP connection that counts. A close_notify
//     alone does not.
//   - A request that fasthttp has timed out (TimeoutHandler, TimeoutError) is
//     over only when its connection is closed.
//
// On systems other than Linux, and under TLS if the listener's connections hide
// their descriptor, the client is watched by a goroutine that reads from the
// connection. A client that sends the next request too early then has its
// connection closed after the response. A streamed body, an upgrade and any
// other connection without a descriptor, app.Test included, are not read from:
// their contexts end with the request only; those of Fiber's package adaptor do
// not end at all, since the server is another one.
func Context(c *fiber.Ctx) context.Context {
	watch, ok := c.Locals(watchKey{}).(*core.ConnWatch)
	if !ok {
		ctx := c.Context()
		conn := bare(ctx.Conn())
		watch = core.WatchConn(conn, func() bool { return ownable(conn) && readable(ctx) })
		c.Locals(watchKey{}, watch) // fasthttp calls its Close when the request is over
	}
	return watch.Context(c.UserContext())
}

// readable reports whether nothing but the next request can come from the
// client.
func readable(ctx *fasthttp.RequestCtx) bool {
	h := &ctx.Request.Header
	return ctx.ConnRequestNum() > 0 && // 0 is a server that serves several requests of a connection at once
		ctx.RequestBodyStream() == nil && !h.IsConnect() && len(h.Peek(fiber.HeaderUpgrade)) == 0
}
