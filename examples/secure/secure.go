// Package secure is what the secure sample in Gin and the one in Fiber share:
// users with roles, their sessions and tickets, the gates that hold streams to
// them, metrics, the page, and the command line.
package secure

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware"
	"github.com/tidings-go/tidings/middleware/metrics"
)

// TicketPath is the path of the streams that are opened with a ticket.
const TicketPath = "/tickets"

// shown is how many of the last orders a new client gets.
const shown = 6

// App is the sample without its routes. Its methods are safe for concurrent
// use.
type App struct {
	hub      *core.Hub
	options  Options
	sessions *sessions
	tickets  *middleware.Tickets
	registry *prometheus.Registry
	measured *metrics.Collector

	public   *core.Gate // for everyone
	session  *core.Gate // for requests with a session
	streams  *core.Gate // for streams with a session
	ticketed *core.Gate // for streams with a ticket
}

// New returns an app that logs to logger.
func New(o Options, logger *slog.Logger) *App {
	hub := core.NewHub(core.HubConfig{Logger: logger})
	a := &App{hub: hub, options: o, sessions: newSessions(o.Session), registry: prometheus.NewRegistry()}
	a.measured = metrics.New(hub, metrics.Config{Channels: []string{Prices, Orders}})
	a.registry.MustRegister(a.measured)

	key := make([]byte, 32)
	_, _ = rand.Read(key) // which cannot fail
	a.tickets = middleware.NewTickets(middleware.TicketConfig{
		Keys: [][]byte{key}, Path: TicketPath, Cookie: ticketCookie, Insecure: !o.Secure, Check: a.checkTicket,
	})

	// What is cheap comes first, and what needs to know the user last. A limit is
	// the same one for all of its gates.
	logging, origin := middleware.Logging(logger), middleware.Origin()
	address := middleware.Limit(middleware.LimitConfig{PerAddress: o.PerAddress, Rate: o.Rate})
	user := middleware.Limit(middleware.LimitConfig{PerIdentity: o.PerUser, Streams: -1, PerAddress: -1})
	auth := middleware.Auth(middleware.AuthConfig{Cookie: a.sessionCookie(), Check: a.checkSession})
	gate := func(all ...core.Middleware) *core.Gate {
		return core.NewGate(hub, core.GateConfig{Middleware: all, Logger: logger, Retry: time.Second, MaxBody: 4 << 10})
	}
	a.public = gate(logging, origin)
	a.session = gate(logging, origin, auth)
	a.streams = gate(logging, origin, address, auth, user)
	a.ticketed = gate(logging, origin, address, a.tickets.Middleware, user)
	return a
}

// Hub returns the app's hub.
func (a *App) Hub() *core.Hub { return a.hub }

// Close ends all streams.
func (a *App) Close() error {
	a.measured.Close()
	return a.hub.Close()
}

// Events returns the endpoint for streams of the channel that the path ends
// with, to clients with a session. EventSource sends its cookie by itself.
func (a *App) Events() *core.Endpoint { return a.streams.SubscribeFunc(subscription) }

// TicketEvents returns the endpoint for the same streams, to clients with a
// ticket.
func (a *App) TicketEvents() *core.Endpoint { return a.ticketed.SubscribeFunc(subscription) }

// subscription lets the client choose any channel: what is not its own is
// refused, because a [middleware.Grant] has restricted the stream.
func subscription(h *core.Handshake) (core.Subscription, error) {
	channel, start := h.Request().PathValue("channel"), core.Last(shown)
	if channel == Prices {
		start = core.Snapshot()
	}
	return core.Subscription{Channels: []string{channel}, Start: start}, nil
}

// Ticket returns the endpoint that gives a ticket to clients with a session.
func (a *App) Ticket() *core.Endpoint {
	return a.tickets.Endpoint(a.session, func(h *core.Handshake) (middleware.Grant, error) {
		s, err := a.current(h.Request())
		return s.grant(), err
	})
}

// checkSession returns what the client with a session's cookie may have.
func (a *App) checkSession(_ context.Context, token string) (middleware.Grant, error) {
	s, ok := a.sessions.find(token)
	if !ok {
		return middleware.Grant{}, errors.New("no such session")
	}
	return s.grant(), nil
}

// checkTicket returns what a user may have today, whatever it was when the ticket
// was issued. A ticket does not know its session: it is good while its user has
// any.
func (a *App) checkTicket(_ context.Context, granted middleware.Grant) (middleware.Grant, error) {
	u, known := users()[granted.Identity]
	if !known || !a.sessions.has(granted.Identity) {
		return middleware.Grant{}, errors.New("the user has logged out")
	}
	return session{user: u, end: granted.Expiry}.grant(), nil
}

// read reads a request's body, which the gate holds in memory.
func read(h *core.Handshake, v any) error {
	if body := h.Request().Body; body == nil || json.NewDecoder(body).Decode(v) != nil {
		return core.Refuse(http.StatusBadRequest, "The body must be JSON.")
	}
	return nil
}
