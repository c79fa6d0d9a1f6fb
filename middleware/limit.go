package middleware

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core"
)

// Causes of the [core.Refusal] that [Limit] returns.
var (
	// ErrTooManyStreams means that the limit of streams in all is reached.
	ErrTooManyStreams = errors.New("tidings: too many streams")
	// ErrTooManyFromAddress means that the limit of streams from one address is
	// reached.
	ErrTooManyFromAddress = errors.New("tidings: too many streams from one address")
)

// LimitConfig configures [Limit]. The zero value is for a server that clients
// connect to directly. Behind a proxy, set TrustedProxies: otherwise the proxy
// counts as one client.
type LimitConfig struct {
	// Streams is the maximum number of streams in all. Default: 10,000.
	// Negative: no limit.
	Streams int
	// PerAddress is the maximum number of streams from one address, which may
	// be that of a whole office. Default: 100. Negative: no limit. A stream
	// whose client has no known address counts for Streams only.
	PerAddress int
	// TrustedProxies are the addresses of proxies that are trusted to name the
	// client that they forward for: see [ClientAddress]. Default: none.
	TrustedProxies []netip.Prefix
	// Header is the header field in which they name it. Default:
	// [ForwardedFor]. The field Forwarded (RFC 7239) has another form, and
	// Limit panics if it is given.
	Header string
	// IPv6Prefix is the length in bits of the IPv6 prefix that counts as one
	// address: a client usually has a whole network. Default: 64.
	IPv6Prefix int
	// RetryAfter is the minimum time that refused clients are asked to wait.
	// The time is random, up to twice as long, so that they do not come back
	// together. Default: 5 s. Negative: they are not asked.
	RetryAfter time.Duration
}

// Limit returns a middleware that bounds the number of concurrent streams: in
// all, and from one address. A stream over a limit is refused, with 503 and
// [ErrTooManyStreams] or with 429 and [ErrTooManyFromAddress]. The refusal is
// temporary: a browser's EventSource comes back by itself, see [core.Refusal].
//
// The returned middleware is one limit, however many gates use it. A stream
// counts from the time it reaches the middleware until it has ended or a later
// middleware has refused it. A request that changes the channels of an open
// stream, see [core.Handshake.ChannelChange], is no stream: it does not count and
// is not refused. Limit panics if the configuration is invalid.
func Limit(cfg LimitConfig) core.Middleware {
	l := &limiter{LimitConfig: cfg.withDefaults(), places: make(map[netip.Addr]int)}
	return func(h *core.Handshake) error {
		if _, changes := h.ChannelChange(); changes {
			return nil
		}
		client, known := ClientAddress(h.Request(), l.TrustedProxies, l.Header)
		if known {
			client = l.network(client)
		}
		if err := l.take(client); err != nil {
			return l.refusal(err)
		}
		h.OnClose(func(core.Summary) { l.giveBack(client) })
		return nil
	}
}

func (c LimitConfig) withDefaults() LimitConfig {
	c.Streams = orDefault(c.Streams, 10_000)
	c.PerAddress = orDefault(c.PerAddress, 100)
	c.Header = strings.Clone(orDefault(c.Header, ForwardedFor))
	c.IPv6Prefix = orDefault(c.IPv6Prefix, 64)
	c.RetryAfter = orDefault(c.RetryAfter, 5*time.Second)
	c.TrustedProxies = slices.Clone(c.TrustedProxies)
	for i, prefix := range c.TrustedProxies {
		if !prefix.IsValid() {
			panic(fmt.Sprintf("tidings: limit: trusted proxy %d is no valid prefix", i))
		}
	}
	if c.IPv6Prefix < 0 || c.IPv6Prefix > 128 {
		panic(fmt.Sprintf("tidings: limit: IPv6 prefix of %d bits, must be 1 to 128", c.IPv6Prefix))
	}
	if strings.EqualFold(c.Header, "Forwarded") {
		panic("tidings: limit: the header field Forwarded is not understood, use X-Forwarded-For")
	}
	return c
}

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// limiter counts the open streams.
type limiter struct {
	LimitConfig

	// mu guards the fields below.
	mu     sync.Mutex
	total  int                // number of streams
	places map[netip.Addr]int // number of streams by address, without unknown addresses
}

// network returns the address that a client is counted under.
func (l *limiter) network(addr netip.Addr) netip.Addr {
	if addr.Is4() {
		return addr
	}
	// The length was checked; this cannot fail.
	prefix, _ := addr.Prefix(l.IPv6Prefix)
	return prefix.Addr()
}

// take counts a stream of a client, whose address is invalid if it is not
// known.
func (l *limiter) take(client netip.Addr) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	counted := client.IsValid() && l.PerAddress > 0
	switch {
	case counted && l.places[client] >= l.PerAddress:
		return ErrTooManyFromAddress
	case l.Streams > 0 && l.total >= l.Streams:
		return ErrTooManyStreams
	}
	l.total++
	if counted {
		l.places[client]++
	}
	return nil
}

// giveBack stops counting a stream that take counted.
func (l *limiter) giveBack(client netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.places[client]--; l.places[client] <= 0 {
		delete(l.places, client)
	}
}

func (l *limiter) refusal(cause error) *core.Refusal {
	r := &core.Refusal{
		Status:     http.StatusServiceUnavailable,
		Message:    "There are too many streams. Try again later.",
		RetryAfter: l.RetryAfter,
		Err:        cause,
	}
	if errors.Is(cause, ErrTooManyFromAddress) {
		r.Status, r.Message = http.StatusTooManyRequests, "You have too many streams."
	}
	if r.RetryAfter > 0 {
		r.RetryAfter += rand.N(r.RetryAfter) //nolint:gosec // Spreading load needs no secret.
	}
	return r
}
