package core

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Handler drives a stream: it sends on it, and returns when it is done. It
// runs in a goroutine of its own. When the stream ends early, because the
// client is gone say, its context ends and the sending methods return an
// error; the handler should then return. What it returns is logged and becomes
// the stream's reason, unless there is one already.
//
// A client reconnects after a handler has returned. Refuse it with [Finished],
// in a [Middleware], when there is nothing more to come.
type Handler func(s *Stream) error

// Middleware runs when a client asks for a stream, before the response's head
// is sent. It may refuse by returning an error, a [*Refusal] to choose the
// status, and it may set the stream's identity, expiry, header, filter and
// hooks. It works the same for every kind of endpoint and connection. A request
// to change the channels of an open stream passes it, too: [Stream.ChannelChange]
// tells the two apart.
type Middleware func(s *Stream) error

// GateConfig configures a [Gate]. The zero value is ready to use.
type GateConfig struct {
	// Middleware runs in this order. What one of them refuses does not reach
	// the next.
	Middleware []Middleware
	// Heartbeat is how long a stream may be silent before a comment is sent,
	// which keeps proxies from closing it and finds out whether the client is
	// still there. Default: 15 s. Negative: never.
	Heartbeat time.Duration
	// WriteTimeout is how long one write may take. A client that takes nothing
	// for so long, or up to a tenth longer, is disconnected. On Linux, so is one
	// that has vanished and leaves what the kernel has sent without an answer, for
	// half as long again (TCP_USER_TIMEOUT); MaxUnsent says on which connections.
	// Default: 10 s. Negative: no bound.
	WriteTimeout time.Duration
	// MaxUnsent is how many bytes the kernel takes for a client that it cannot
	// send yet (TCP_NOTSENT_LOWAT, Linux only). Without it, the kernel holds
	// megabytes for each client that is slow: it gets events that are minutes old,
	// and no [SlowPolicy] ever sees that it is behind. It applies to connections
	// that are taken over, to all in Fiber, and to those of a [http.Server] with
	// [ConnContext]. Default: 16 KiB. Negative: what the system has.
	MaxUnsent int
	// Retry tells clients how long to wait before they reconnect. Default: 3 s.
	// Negative: say nothing, which leaves it to the client.
	Retry time.Duration
	// RetryJitter is added to Retry, a random part of it for each stream, so
	// that clients that lost their connection together do not come back
	// together. Default: none.
	RetryJitter time.Duration
	// Lifetime ends a stream with [ErrLifetime] after a random time between it
	// and a quarter more, so that load spreads over machines again. Default:
	// streams live as long as they may.
	Lifetime time.Duration
	// Start is where subscriptions begin that do not say so themselves when
	// the client has no last event ID. It is no permission: see [Start].
	// Default: [Live].
	Start Start
	// Conn says how subscriptions are connected. Default: [AutoConn].
	Conn ConnMode
	// MaxBody is how much of a request's body is read, and held in memory for
	// the handler, in bytes. A longer one is refused with 413. Default: 1 MiB.
	// Negative: requests with a body are refused.
	MaxBody int64
	// BodyTimeout is how long a request's body may take to arrive. A slower one
	// is refused with 408. The ReadTimeout of a [http.Server] applies in its
	// place. Default: 30 s. Negative: no bound.
	BodyTimeout time.Duration
	// Logger takes what goes wrong on streams. Default: nothing is logged.
	Logger *slog.Logger
}

func (c GateConfig) withDefaults() GateConfig {
	c.Heartbeat = orDefault(c.Heartbeat, 15*time.Second)
	c.WriteTimeout = orDefault(c.WriteTimeout, 10*time.Second)
	c.MaxUnsent = orDefault(c.MaxUnsent, 16<<10)
	c.Retry = orDefault(c.Retry, 3*time.Second)
	c.MaxBody = orDefault(c.MaxBody, 1<<20)
	c.BodyTimeout = orDefault(c.BodyTimeout, 30*time.Second)
	c.Middleware = append([]Middleware(nil), c.Middleware...)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Gate is where streams open: it holds what they have in common, and makes
// endpoints. All methods are safe for concurrent use.
type Gate struct {
	hub *Hub
	cfg GateConfig

	mu      sync.Mutex
	servers map[*http.Server]*shutdown
	others  map[<-chan struct{}]*shutdown
}

// NewGate returns a gate to a hub. Streams that open there are counted and
// drained with the hub, those of handlers, too. It panics if hub is nil: nothing
// could be published to its streams, and they could not be drained.
func NewGate(hub *Hub, cfg GateConfig) *Gate {
	if hub == nil {
		panic("tidings: a gate without a hub")
	}
	return &Gate{hub: hub, cfg: cfg.withDefaults()}
}

// Hub returns the hub that the gate leads to.
func (g *Gate) Hub() *Hub { return g.hub }

// Handle returns an endpoint whose streams are driven by a handler.
func (g *Gate) Handle(handle Handler) *Endpoint {
	return &Endpoint{gate: g, handle: handle}
}

// Subscribe returns an endpoint whose streams get what is published to the
// channels. It panics if there is none, or if a name cannot be a channel's.
func (g *Gate) Subscribe(channels ...string) *Endpoint {
	names, err := channelSet(cloneAll(channels))
	if err != nil {
		panic(err)
	}
	return g.SubscribeFunc(func(*Stream) (Subscription, error) {
		return Subscription{Channels: names, Start: g.cfg.Start}, nil
	})
}

// SubscribeFunc returns an endpoint like Subscribe does, whose subscription is
// chosen for each stream, after the gate's middleware has run. If choose
// returns an error, the stream is refused: with the status of a [*Refusal],
// with 400 for a name that cannot be a channel's, with 500 otherwise.
func (g *Gate) SubscribeFunc(choose func(s *Stream) (Subscription, error)) *Endpoint {
	return &Endpoint{gate: g, choose: choose}
}

// OneShot returns an endpoint that renders one event and ends, so that the client
// comes back for the next after the time that the event's Retry says: polling
// in the shape of a stream. The function may take its time to wait for the
// event; the stream's context ends when the client is gone. Nothing is sent
// before it returns, so it can still refuse: with [Finished] when there is
// nothing more to come.
func (g *Gate) OneShot(render func(s *Stream) (Event, error)) *Endpoint {
	return &Endpoint{gate: g, once: render}
}

// Handle returns an endpoint for a handler at a gate of its own, with the
// defaults of [GateConfig]. Its streams are counted and drained with the hub.
func Handle(hub *Hub, handle Handler) *Endpoint {
	return NewGate(hub, GateConfig{}).Handle(handle)
}

// Subscribe returns an endpoint for channels of a hub at a gate of its own,
// with the defaults of [GateConfig].
func Subscribe(hub *Hub, channels ...string) *Endpoint {
	return NewGate(hub, GateConfig{}).Subscribe(channels...)
}

// Endpoint is where clients ask for streams: a stream's handler, a
// subscription or a one-shot behind a [Gate]. It is an [http.Handler]; the
// packages ginsse and fibersse serve it in Gin and in Fiber. It is safe for
// concurrent use.
type Endpoint struct {
	gate   *Gate
	handle Handler
	choose func(*Stream) (Subscription, error)
	once   func(*Stream) (Event, error)
	allow  func(s *Stream, add []string) error
}
