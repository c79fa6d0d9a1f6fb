package core

import (
	"log/slog"
	"sync"
	"time"
)

// Handler drives a stream: it sends on it, and returns when it is done. It runs
// in a goroutine of its own. When the stream ends early, because the client is
// gone, say, its context ends and the sending methods return an error; the
// handler should then return. The error that it returns is logged, and becomes
// the reason of a stream that has none yet.
//
// A client reconnects after a handler has returned. To stop that, return
// [Finished] from a [Middleware] when there are no more events to come.
type Handler func(s *Sender) error

// Middleware runs when a client asks for a stream, before the response's head
// is sent. It may refuse the stream by returning an error, a [*Refusal] to
// choose the status, and it may set the stream's identity, expiry, header,
// filter and hooks. It works the same for every kind of endpoint and
// connection. It may block, and must be safe for concurrent use. A request to change the channels of an open stream passes it,
// too: [Handshake.ChannelChange] reports which of the two it is.
type Middleware func(h *Handshake) error

// GateConfig configures a [Gate]. The zero value is ready to use.
type GateConfig struct {
	// Middleware runs in this order. A request that one of them refuses does
	// not reach the next.
	Middleware []Middleware
	// Heartbeat is how long a stream may be silent before a comment is sent.
	// Comments keep proxies from closing the stream, and reveal that a client
	// is gone. Default: 15 s. Negative: never.
	Heartbeat time.Duration
	// WriteTimeout is how long one write may take. A client that takes nothing
	// for that time, or up to a tenth longer, is disconnected. On Linux, so is
	// a vanished client that does not acknowledge what the kernel has sent for
	// one and a half times as long (TCP_USER_TIMEOUT), on the connections that
	// MaxUnsent names. Default: 10 s. Negative: no bound.
	WriteTimeout time.Duration
	// MaxUnsent is how many bytes the kernel accepts for a client before it can
	// send them (TCP_NOTSENT_LOWAT, Linux only). Without it, the kernel holds
	// megabytes for each slow client: the client gets events that are minutes
	// old, and no [SlowPolicy] sees that it is behind. It applies to
	// connections that are taken over, to all in Fiber, and to those of a
	// [http.Server] with [ConnContext]. Default: 16 KiB. Negative: the system's
	// setting.
	MaxUnsent int
	// Retry tells clients how long to wait before they reconnect. Default: 3 s.
	// Negative: nothing is sent, and the client decides.
	Retry time.Duration
	// RetryJitter is the maximum of a random time that is added to Retry for
	// each stream, so that clients that lost their connections together do not
	// reconnect together. Default: none.
	RetryJitter time.Duration
	// Lifetime ends a stream with [ErrLifetime] after a random time between
	// Lifetime and a quarter more, so that load spreads over machines again.
	// Default: no limit.
	Lifetime time.Duration
	// Start is where a subscription begins if it has no Start of its own and
	// the client has no last event ID. It is no permission: see [Start].
	// Default: [Live].
	Start Start
	// Conn is how subscriptions are connected. Default: [AutoConn].
	Conn ConnMode
	// MaxBody is the maximum length of a request's body, in bytes; the body is
	// held in memory for the handler. A longer one is refused with 413.
	// Default: 1 MiB. Negative: requests with a body are refused.
	MaxBody int64
	// BodyTimeout is how long a request's body may take to arrive. A slower one
	// is refused with 408. The ReadTimeout of a [http.Server] replaces it.
	// Default: 30 s. Negative: no bound.
	BodyTimeout time.Duration
	// RefuseByStatus sends temporary refusals to all clients with their status.
	// Default: a client that asks for text/event-stream by name is sent a short
	// stream, after which it reconnects: see [Refusal].
	RefuseByStatus bool
	// Dialects are how streams may stand on the wire, at most one for each
	// [Format]. The request's Accept chooses one: by weight, then the one that it
	// names more precisely, then in the order [EventStream], which every gate
	// offers, and that of the list. Default: the zero [Dialect] alone. The JSON
	// formats are not offered by default: libraries that accept application/json
	// before anything else would get them.
	Dialects []Dialect
	// Logger receives the errors of streams. Default: nothing is logged.
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

// Gate is where streams open: it holds the configuration that they share, and
// makes endpoints. All methods are safe for concurrent use.
type Gate struct {
	// Set by NewGate and read-only.
	hub   *Hub
	cfg   GateConfig
	wires []*wire // dialects: at least that of an event stream, which comes first

	mu        sync.Mutex
	shutdowns map[any]*shutdown // by server: an http.Server, or the channel that it closes
}

// NewGate returns a gate to a hub. All streams that open there, also those of
// handlers, are counted and drained with the hub. It panics if hub is nil: its
// streams could not be published to, nor drained; and if two dialects have the
// same format, or an event of a dialect cannot be sent.
func NewGate(hub *Hub, cfg GateConfig) *Gate {
	if hub == nil {
		panic("tidings: a gate without a hub")
	}
	wires, err := checked(cfg.Dialects)
	if err != nil {
		panic(err)
	}
	return &Gate{hub: hub, cfg: cfg.withDefaults(), wires: wires, shutdowns: make(map[any]*shutdown)}
}

// Hub returns the gate's hub.
func (g *Gate) Hub() *Hub { return g.hub }

// Handle returns an endpoint whose streams handle drives.
func (g *Gate) Handle(handle Handler) *Endpoint {
	return &Endpoint{gate: g, handle: handle}
}

// Subscribe returns an endpoint whose streams get the events published to the
// channels. It panics if there is no channel, or if a name is not valid.
func (g *Gate) Subscribe(channels ...string) *Endpoint {
	names, err := channelSet(cloneAll(channels))
	if err != nil {
		panic(err)
	}
	return g.SubscribeFunc(func(*Handshake) (Subscription, error) {
		return Subscription{Channels: names, Start: g.cfg.Start}, nil
	})
}

// SubscribeFunc returns an endpoint like Subscribe, but chooses a subscription
// for each stream, after the gate's middleware has run. choose may block; it is
// called concurrently for different requests. If it returns an error, the stream
// is refused: with the status of a [*Refusal], otherwise with 500. For a
// subscription that is not valid, see [Endpoint].
func (g *Gate) SubscribeFunc(choose func(h *Handshake) (Subscription, error)) *Endpoint {
	return &Endpoint{gate: g, choose: choose}
}

// OneShot returns an endpoint that sends one event and ends. The client comes
// back for the next event after the time in the event's Retry: this is polling
// in the shape of a stream. render may wait for the event; the stream's context
// ends when the client is gone. Nothing is sent before render returns, so it
// can still refuse: with [Finished] when there are no more events to come.
func (g *Gate) OneShot(render func(h *Handshake) (Event, error)) *Endpoint {
	return &Endpoint{gate: g, once: render}
}

// Handle returns an endpoint for a handler at a gate of its own, with the
// defaults of [GateConfig]. Its streams are counted and drained with the hub. It
// panics if hub is nil.
func Handle(hub *Hub, handle Handler) *Endpoint {
	return NewGate(hub, GateConfig{}).Handle(handle)
}

// Subscribe returns an endpoint for channels of a hub at a gate of its own, with
// the defaults of [GateConfig]. It panics if hub is nil, if there is no channel,
// or if a name is not valid.
func Subscribe(hub *Hub, channels ...string) *Endpoint {
	return NewGate(hub, GateConfig{}).Subscribe(channels...)
}

// Readiness returns an endpoint that answers with status 200 while the hub is
// ready, and with 503 otherwise: for the readiness probe of a load balancer. See
// [Hub.Ready].
func Readiness(hub *Hub) *Endpoint {
	return &Endpoint{gate: NewGate(hub, GateConfig{}), readiness: true}
}

// Endpoint is where clients ask for streams behind a [Gate]: those of a
// handler, of a subscription or of a one-shot. It is an [http.Handler]; the
// packages ginsse and fibersse serve it in Gin and in Fiber. It is safe for
// concurrent use.
//
// The statuses of a refusal, besides those that a [Middleware] and the endpoint's
// own function choose, are:
//
//   - 400: the last event ID (see [CheckID]), a channel's name or the SessionKey
//     is not valid, there are too many channels, or the body cannot be read
//   - 401 and 403: the stream's permission has ended, or its rights do not allow a
//     channel: see [Stream.SetExpiry], [Hub.Revoke] and [Stream.Restrict]
//   - 404: a private channel is gone
//   - 406: the request accepts none of the formats that the endpoint offers
//   - 408 and 413: the body takes longer than BodyTimeout, or is over MaxBody
//   - 410: events are lost, and the [Dialect] ends a stream for that
//   - 500: a function returned an error that is no [*Refusal], or panicked, or the
//     response cannot be flushed
//   - 501: the connection cannot be taken over, and the gate's Conn demands it
//   - 503, with Retry-After: the hub drains or is closed, or has no room for
//     another channel
//
// For requests to change channels, see [Gate.ChangeChannels].
type Endpoint struct {
	gate   *Gate
	handle Handler
	choose func(*Handshake) (Subscription, error)
	once   func(*Handshake) (Event, error)
	allow  func(s *Stream, add []string) error
	answer func(*Handshake, Request) (any, error) // of an endpoint that opens no stream

	readiness bool // it answers whether the hub is ready
}
