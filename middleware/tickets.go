package middleware

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tidings-go/tidings/core"
)

// TicketConfig configures [Tickets]. Keys and Path are required.
type TicketConfig struct {
	// Keys sign and verify tickets and sessions, with HMAC-SHA256: each is random
	// and has 32 bytes or more. The first one signs. To rotate keys, put a new one
	// in front, and remove the last one when what it signed is over. Machines that
	// share sessions share keys.
	Keys [][]byte
	// Path is the path of the streams, as requests have it at this server. Tickets
	// are valid there and below.
	Path string
	// CookiePath is the same path as browsers see it, if a proxy changes it.
	// Default: Path.
	CookiePath string
	// Query is the parameter of the query that holds the ticket. It is removed from
	// the request: see [core.Handshake.TakeQuery]. Default: "ticket".
	Query string
	// Cookie is the name of the session's cookie, without the prefix "__Secure-"
	// that a Secure cookie gets. Default: "tidings".
	Cookie string
	// TTL is how long a ticket may wait to be redeemed. Default: 30 s.
	TTL time.Duration
	// SessionTTL is how long a client may reconnect, from the time at which its
	// ticket was issued. An open stream ends then, too, with a [core.ClosedEvent].
	// The Expiry of a [Grant] may end it earlier. Default: 12 h.
	SessionTTL time.Duration
	// SameSite is that of the cookie. A page of another site needs
	// [http.SameSiteNoneMode], and [Origin]. Default: [http.SameSiteStrictMode].
	SameSite http.SameSite
	// Insecure leaves out Secure, and the prefix of the name, where a request does
	// not come over TLS: for development. Leave it unset behind a proxy that ends
	// TLS.
	Insecure bool
	// Spent remembers which tickets were redeemed. Default:
	// [NewMemorySpentTickets], so that each process remembers its own.
	Spent SpentTickets
	// Check, if set, is asked each time a ticket or its session opens a stream, with
	// what was granted when it was issued. It returns what holds today, or an error:
	// see [AuthConfig]. Without it, [core.Hub.Revoke] still ends sessions.
	Check func(ctx context.Context, granted Grant) (Grant, error)
}

// Tickets admit clients that cannot set header fields, such as a browser's
// EventSource. A page first asks for a ticket, with a POST request that is
// authenticated as the app's others are, and then opens its stream with the
// ticket in the URL. The ticket is good for one stream, and for seconds. With the
// first use, the client is set a cookie of its own, so that EventSource, which
// reconnects to the same URL, gets on until the session ends: the ticket with the
// cookie of its identity is good for that, the ticket alone is not.
//
//	const {ticket} = await (await fetch("/ticket", {method: "POST"})).json();
//	new EventSource("/events?ticket=" + ticket);
//
// A ticket and its cookie are signed, not encrypted: clients can read the
// identity and the rights. A page that the server refuses gets no reconnection;
// it asks for another ticket. If the answer to the first request is lost, the
// ticket is lost with it.
//
// A request that changes channels needs the ticket and the cookie, too: put its
// endpoint below Path. All methods are safe for concurrent use.
type Tickets struct {
	cfg  TicketConfig
	keys keys
}

// ticket is what a ticket says.
type ticket struct {
	ID       string       `json:"j"`
	Identity string       `json:"i"`
	Rights   *core.Rights `json:"r,omitempty"`
	Path     string       `json:"p"`
	Expiry   time.Time    `json:"e"` // of the ticket
	End      time.Time    `json:"s"` // of the session
}

// session is what the cookie says.
type session struct {
	Identity string    `json:"i"`
	Path     string    `json:"p"`
	End      time.Time `json:"s"`
}

// Purposes of what is signed.
const (
	forTicket  = "ticket"
	forSession = "session"
)

// clockSkew is how much the clocks of machines may differ: that a ticket was
// spent is remembered for so much longer.
const clockSkew = 5 * time.Minute

// NewTickets returns tickets with this configuration. It panics if a key or the
// path is missing or not valid.
func NewTickets(cfg TicketConfig) *Tickets {
	if !strings.HasPrefix(cfg.Path, "/") {
		panic(fmt.Sprintf("tidings: tickets: path %q, want one that begins with a slash", cfg.Path))
	}
	cfg.Path = strings.TrimSuffix(cfg.Path, "/")
	cfg.CookiePath = cmp.Or(cfg.CookiePath, cfg.Path, "/")
	cfg.Query = cmp.Or(cfg.Query, "ticket")
	cfg.Cookie = cmp.Or(cfg.Cookie, "tidings")
	cfg.TTL = cmp.Or(cfg.TTL, 30*time.Second)
	cfg.SessionTTL = cmp.Or(cfg.SessionTTL, 12*time.Hour)
	cfg.SameSite = cmp.Or(cfg.SameSite, http.SameSiteStrictMode)
	if cfg.Spent == nil {
		cfg.Spent = NewMemorySpentTickets(0)
	}
	t := &Tickets{cfg: cfg}
	t.keys.set(cfg.Keys)
	t.cfg.Keys = nil
	return t
}

// SetKeys replaces the keys: see [TicketConfig].
func (t *Tickets) SetKeys(keys ...[]byte) { t.keys.set(keys) }

// Issue returns a ticket, for an app that answers requests for tickets itself.
// The app must have authenticated the request, and must have checked that it
// does not come from a page of another origin: see [http.CrossOriginProtection].
// The grant's Keep must not be set; set it in Check. The error wraps
// [core.ErrTooLarge] if the identity or the rights are too long for a URL.
func (t *Tickets) Issue(g Grant) (string, error) {
	switch {
	case g.Identity == "":
		return "", errNoIdentity
	case g.Keep != nil:
		return "", errors.New("tidings: a ticket cannot hold a function")
	}
	if g.Rights != nil {
		if err := g.Rights.Check(); err != nil {
			return "", fmt.Errorf("tidings: ticket: %w", err)
		}
	}
	now := time.Now()
	end := now.Add(t.cfg.SessionTTL)
	if !g.Expiry.IsZero() && g.Expiry.Before(end) {
		end = g.Expiry
	}
	return t.keys.sign(forTicket, ticket{
		ID: rand.Text(), Identity: g.Identity, Rights: g.Rights, Path: t.cfg.Path,
		Expiry: now.Add(t.cfg.TTL), End: end,
	})
}

// Endpoint returns an endpoint for POST requests that answers with a ticket, as a
// JSON object with the member ticket. The gate's middleware must authenticate
// the request; grant then returns what the ticket is for, or an error that
// refuses it.
func (t *Tickets) Endpoint(gate *core.Gate, grant func(h *core.Handshake) (Grant, error)) *core.Endpoint {
	if grant == nil {
		panic("tidings: tickets: no function that grants")
	}
	return gate.Answer(func(h *core.Handshake) (any, error) {
		granted, err := grant(h)
		if err != nil {
			return nil, err
		}
		text, err := t.Issue(granted)
		return map[string]string{"ticket": text}, err
	})
}

// Middleware admits requests with a ticket. Others are refused with status 401,
// as by [Auth].
func (t *Tickets) Middleware(h *core.Handshake) error {
	r := h.Request()
	texts := h.TakeQuery(t.cfg.Query)
	if len(texts) == 0 {
		return unauthorized(ErrNoToken)
	}
	var one ticket
	now := time.Now()
	if len(texts) > 1 || !t.keys.verify(forTicket, texts[0], &one) || one.Path != t.cfg.Path ||
		!t.covers(r.URL.Path) || !now.Before(one.End) {
		return unauthorized(ErrInvalidToken)
	}
	first, err := t.redeem(h, one, now)
	if err != nil {
		return err
	}
	if !first && !t.hasSession(r, one.Identity, now) {
		return unauthorized(ErrInvalidToken)
	}
	granted := Grant{Identity: one.Identity, Rights: one.Rights, Expiry: one.End}
	if t.cfg.Check != nil {
		if granted, err = t.cfg.Check(r.Context(), granted); err != nil {
			return scrubbed(err, texts[0])
		}
	}
	if granted.Expiry.IsZero() || one.End.Before(granted.Expiry) {
		granted.Expiry = one.End
	}
	return granted.apply(h)
}

// covers reports whether tickets are valid for a path.
func (t *Tickets) covers(path string) bool {
	rest, ok := strings.CutPrefix(path, t.cfg.Path)
	return ok && (rest == "" || rest[0] == '/')
}

// redeem spends a ticket that has not been spent, and sets the cookie of its
// session.
func (t *Tickets) redeem(h *core.Handshake, one ticket, now time.Time) (first bool, err error) {
	r := h.Request()
	if !h.OpensStream() || r.Method == http.MethodHead || !now.Before(one.Expiry) {
		return false, nil
	}
	if first, err = t.cfg.Spent.Spend(r.Context(), one.ID, one.Expiry.Add(clockSkew)); err != nil {
		return false, &core.Refusal{
			Status: http.StatusServiceUnavailable, Message: "Tickets cannot be redeemed now. Try again soon.",
			RetryAfter: 2 * time.Second, Err: err,
		}
	}
	if !first {
		return false, nil
	}
	name, secure := t.cookie(r)
	text, err := t.keys.sign(forSession, session{one.Identity, t.cfg.Path, one.End})
	if err != nil {
		return false, err
	}
	cookie := http.Cookie{ //nolint:gosec // Secure is left out for development only, SameSite is the app's.
		Name: name, Value: text, Path: t.cfg.CookiePath, MaxAge: max(int(one.End.Sub(now)/time.Second), 1),
		HttpOnly: true, Secure: secure, SameSite: t.cfg.SameSite,
	}
	h.Header().Add("Set-Cookie", cookie.String())
	return true, nil
}

// cookie returns the name of the session's cookie, and whether it is Secure.
func (t *Tickets) cookie(r *http.Request) (name string, secure bool) {
	if t.cfg.Insecure && r.TLS == nil {
		return t.cfg.Cookie, false
	}
	return "__Secure-" + t.cfg.Cookie, true
}

// hasSession reports whether a request has the cookie of an identity. Others may
// have planted cookies of the same name beside it.
func (t *Tickets) hasSession(r *http.Request, identity string, now time.Time) bool {
	if total(r.Header.Values("Cookie")) > maxCookies {
		return false
	}
	name, _ := t.cookie(r)
	const most = 8
	for i, cookie := range r.CookiesNamed(name) {
		var s session
		if i < most && t.keys.verify(forSession, cookie.Value, &s) && s.Path == t.cfg.Path &&
			s.Identity == identity && now.Before(s.End) {
			return true
		}
	}
	return false
}
