// Package ginsse serves the event streams of package core in Gin.
//
// There are three ways to use it: an endpoint for a subscription, an endpoint
// for a stream's handler, and a middleware whose following handlers take the
// stream from their [gin.Context].
//
// Do not use middleware that buffers or compresses responses on the routes of
// event streams. Package core has more about that in its sections Connections
// and Deployment.
package ginsse

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/tidings-go/tidings/core"
)

// Gate makes Gin handlers from the endpoints of a [core.Gate]. Its methods are
// safe for concurrent use.
type Gate struct {
	core *core.Gate
}

// New returns a gate to a hub. It panics if hub is nil.
func New(hub *core.Hub, cfg core.GateConfig) *Gate {
	return &Gate{core: core.NewGate(hub, cfg)}
}

// Hub returns the gate's hub.
func (g *Gate) Hub() *core.Hub { return g.core.Hub() }

// Subscribe returns a handler whose streams get the events published to the
// channels. It panics if there is no channel, or if a name is not valid.
func (g *Gate) Subscribe(channels ...string) gin.HandlerFunc {
	return Serve(g.core.Subscribe(channels...))
}

// SubscribeFunc returns a handler like Subscribe, but chooses a subscription
// for each request, after the gate's middleware has run. An error refuses the
// stream: see [core.Gate.SubscribeFunc]. h is the stream at the gate: it can
// join groups, for example.
func (g *Gate) SubscribeFunc(
	choose func(c *gin.Context, h *core.Handshake) (core.Subscription, error),
) gin.HandlerFunc {
	return func(c *gin.Context) {
		serve(c, g.core.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) { return choose(c, h) }))
	}
}

// Handle returns a handler whose streams handle drives. The route's parameters
// are the path values of the stream's request.
func (g *Gate) Handle(handle core.Handler) gin.HandlerFunc {
	return Serve(g.core.Handle(handle))
}

// OneShot returns a handler that sends one event and ends: see
// [core.Gate.OneShot].
func (g *Gate) OneShot(render func(h *core.Handshake) (core.Event, error)) gin.HandlerFunc {
	return Serve(g.core.OneShot(render))
}

// ChangeChannels returns a handler for POST requests that change the channels
// of open streams: see [core.Gate.ChangeChannels]. It panics if allow is nil.
func (g *Gate) ChangeChannels(allow func(s *core.Stream, add []string) error) gin.HandlerFunc {
	return Serve(g.core.ChangeChannels(allow))
}

// Middleware returns a middleware that opens a stream for the handlers after
// it, which get it with [From]. The stream ends when they have returned.
func (g *Gate) Middleware() gin.HandlerFunc {
	return func(c *gin.Context) {
		serve(c, g.core.Handle(func(s *core.Sender) error {
			c.Set(contextKey{}, s)
			c.Next()
			return nil
		}))
	}
}

// contextKey is the key of a stream in a gin.Context.
type contextKey struct{}

// From returns the stream that a gate's Middleware opened, or nil if there is
// none. The stream ends when the handler has returned, and may be used by other
// goroutines until then.
func From(c *gin.Context) *core.Sender {
	v, _ := c.Get(contextKey{})
	s, _ := v.(*core.Sender)
	return s
}

// Subscribe returns a handler for channels of a hub, at a gate of its own with
// the defaults of [core.GateConfig]. It panics if hub is nil, if there is no
// channel, or if a name is not valid.
func Subscribe(hub *core.Hub, channels ...string) gin.HandlerFunc {
	return New(hub, core.GateConfig{}).Subscribe(channels...)
}

// Handle returns a handler whose streams handle drives, at a gate of its own
// with the defaults of [core.GateConfig]. The streams are counted and drained
// with the hub. It panics if hub is nil.
func Handle(hub *core.Hub, handle core.Handler) gin.HandlerFunc {
	return New(hub, core.GateConfig{}).Handle(handle)
}

// Serve returns a handler for any endpoint of package core.
func Serve(endpoint *core.Endpoint) gin.HandlerFunc {
	return func(c *gin.Context) { serve(c, endpoint) }
}

func serve(c *gin.Context, endpoint *core.Endpoint) {
	for _, p := range c.Params {
		c.Request.SetPathValue(p.Key, p.Value)
	}
	w := body(c.Writer)
	canOwn := false
	if http.ResponseWriter(c.Writer) != w { // another wrapper of the writer must see the response
		_, canOwn = w.(http.Hijacker)
	}
	endpoint.Open(core.Request{Request: c.Request, Response: w, CanOwn: canOwn}).Serve(head{c.Writer}, w)
	c.Abort()
}

// head is Gin's writer, which keeps the status for its logger. By itself, Gin's
// writer would not send the head before the first byte of the body.
type head struct{ gin.ResponseWriter }

// WriteHeader sends the head.
func (h head) WriteHeader(status int) {
	h.ResponseWriter.WriteHeader(status)
	h.WriteHeaderNow()
}

// body returns the writer to stream on. Gin's writer would hide the errors of a
// flush, so body returns the server's if only Gin's wraps it.
func body(w gin.ResponseWriter) http.ResponseWriter {
	if fmt.Sprintf("%T", w) != "*gin.responseWriter" {
		return w
	}
	if u, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		return u.Unwrap()
	}
	return w
}
