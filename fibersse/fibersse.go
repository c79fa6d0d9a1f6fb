// Package fibersse serves the event streams of package core in Fiber v2.
//
// There are two ways to use it: an endpoint for a subscription, and an endpoint
// for a stream's handler. Nothing of a [fiber.Ctx] is kept beyond its handler.
// [Context] tells any other handler of the app that its client has left.
//
// Do not use middleware that reads or compresses whole responses (etag, cache,
// compress, idempotency, timeout) on the routes of event streams.
//
// A subscription over HTTP/1 without TLS continues when fasthttp has closed its
// side of the connection, whether or not the server keeps hijacked connections
// (KeepHijackedConns). It then no longer counts for the server's
// Concurrency and MaxConnsPerIP, which bound the rest of the app; to bound
// streams, use Limit of package middleware. To count for them, each stream
// would have to keep the server's side of its connection too, with a second
// descriptor.
//
// Do not set MaxConnsPerIP on a server that shuts down while it serves: its
// Shutdown can panic when a client leaves an idle connection at that moment
// (fasthttp 1.51). Limit does the same for streams.
//
// Do not use Prefork: one hub serves one process. Package core has more about
// servers and proxies in its sections Connections and Deployment.
package fibersse

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"github.com/tidings-go/tidings/core"
)

// Gate makes Fiber handlers from the endpoints of a [core.Gate]. Its methods
// are safe for concurrent use.
type Gate struct {
	core *core.Gate
}

// New returns a gate to a hub. It panics if hub is nil. Where a function may
// refuse a request by an error, here and in the gate's methods, an error of
// [fiber.NewError] refuses it with its own status and message, as a
// [core.Refusal] does.
func New(hub *core.Hub, cfg core.GateConfig) *Gate {
	cfg.Middleware = slices.Clone(cfg.Middleware)
	for i, middleware := range cfg.Middleware {
		cfg.Middleware[i] = refusing(middleware)
	}
	return &Gate{core: core.NewGate(hub, cfg)}
}

// Hub returns the gate's hub.
func (g *Gate) Hub() *core.Hub { return g.core.Hub() }

// Subscribe returns a handler whose streams get the events published to the
// channels. It panics if there is no channel, or if a name is not valid.
func (g *Gate) Subscribe(channels ...string) fiber.Handler {
	return Serve(g.core.Subscribe(channels...))
}

// SubscribeFunc returns a handler like Subscribe, but chooses a subscription
// for each request, after the gate's middleware has run. An error refuses the
// stream: see [core.Gate.SubscribeFunc]. Strings of the [fiber.Ctx] may be
// returned as they are. h is the stream at the gate: it can join groups,
// for example.
func (g *Gate) SubscribeFunc(
	choose func(c *fiber.Ctx, h *core.Handshake) (core.Subscription, error),
) fiber.Handler {
	return func(c *fiber.Ctx) error {
		return serve(c, g.core.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
			sub, err := choose(c, h)
			return sub, refusal(err)
		}))
	}
}

// Handle returns a handler whose streams handle drives, in a goroutine that
// goes on after the Fiber handler has returned. The route's parameters are the
// path values of the stream's request.
func (g *Gate) Handle(handle core.Handler) fiber.Handler {
	return Serve(g.core.Handle(handle))
}

// OneShot returns a handler that sends one event and ends: see
// [core.Gate.OneShot].
func (g *Gate) OneShot(render func(h *core.Handshake) (core.Event, error)) fiber.Handler {
	return Serve(g.core.OneShot(func(h *core.Handshake) (core.Event, error) {
		ev, err := render(h)
		return ev, refusal(err)
	}))
}

// ChangeChannels returns a handler for POST requests that change the channels
// of open streams: see [core.Gate.ChangeChannels]. It panics if allow is nil.
func (g *Gate) ChangeChannels(allow func(s *core.Stream, add []string) error) fiber.Handler {
	if allow == nil {
		return Serve(g.core.ChangeChannels(nil)) // which panics
	}
	return Serve(g.core.ChangeChannels(func(s *core.Stream, add []string) error {
		return refusal(allow(s, add))
	}))
}

// Subscribe returns a handler for channels of a hub, at a gate of its own with
// the defaults of [core.GateConfig]. It panics if hub is nil, if there is no
// channel, or if a name is not valid.
func Subscribe(hub *core.Hub, channels ...string) fiber.Handler {
	return New(hub, core.GateConfig{}).Subscribe(channels...)
}

// Handle returns a handler whose streams handle drives, at a gate of its own
// with the defaults of [core.GateConfig]. The streams are counted and drained
// with the hub. It panics if hub is nil.
func Handle(hub *core.Hub, handle core.Handler) fiber.Handler {
	return New(hub, core.GateConfig{}).Handle(handle)
}

// Serve returns a handler for any endpoint of package core.
func Serve(endpoint *core.Endpoint) fiber.Handler {
	return func(c *fiber.Ctx) error { return serve(c, endpoint) }
}
