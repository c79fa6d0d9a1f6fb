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

// What [Limit] refuses, as the cause of its [core.Refusal].
var (
	// ErrTooManyStreams says that there are as many streams as there may be.
	ErrTooManyStreams = errors.New("tidings: too many streams")
	// ErrTooManyFromAddress says that a client has as many as it may have.
	ErrTooManyFromAddress = errors.New("tidings: too many streams from one address")
)

// LimitConfig configures [Limit]. The zero value is for a server that clients
// connect to directly. Behind a proxy, set TrustedProxies: the proxy counts as
// one client otherwise.
type LimitConfig struct {
	// Streams is how many there may be in all. Default: 10,000. Negative: any
	// number.
	Streams int
	// PerAddress is how many there may be from one address, which may be that
	// of a whole office. Default: 100. Negative: any number. Streams whose
	// client's address is not known count in all only.
	PerAddress int
	// TrustedProxies are the addresses of proxies whose word counts when they
	// say whom they forward for: see [ClientAddress]. Default: none.
	TrustedProxies []netip.Prefix
	// Header is the header field where they say so. Default: [ForwardedFor].
	// The field Forwarded (RFC 7239) has another form, and is not understood.
	Header string
	// IPv6Prefix is the length in bits of the IPv6 prefix that counts as one
	// address: a client usually has a whole network. Default: 64.
	IPv6Prefix int
	// RetryAfter is how long clients are asked to wait, and up to twice as
	// long at random, so that they do not come back together. Default: 5 s.
	// Negative: they are not asked.
	RetryAfter time.Duration
}

// Limit returns a middleware that bounds how many streams there are at a time:
// in all, and from one address. One too many is refused, with 503 and
// [ErrTooManyStreams] or with 429 and [ErrTooManyFromAddress]. A browser's
// EventSource does not come back from that by itself; the page has to retry.
//
// What one call returns is one limit, whatever the number of gates that it is
// used at. It holds a place for a stream from then on until that has ended or
// a later middleware has refused it. A request that changes the channels of an
// open stream, see [core.Stream.ChannelChange], is no stream: it takes no place
// and is not refused. Limit panics if the configuration is invalid.
func Limit(cfg LimitConfig) core.Middleware {
	l := &limiter{LimitConfig: cfg.withDefaults(), places: make(map[netip.Addr]int)}
	return func(s *core.Stream) error {
		if _, changes := s.ChannelChange(); changes {
			return nil
		}
		client, known := ClientAddress(s.Request(), l.TrustedProxies, l.Header)
		if known {
			client = l.network(client)
		}
		if err := l.take(client); err != nil {
			return l.refusal(err)
		}
		s.OnClose(func(core.Summary) { l.giveBack(client) })
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

// limiter counts the streams there are.
type limiter struct {
	LimitConfig

	mu     sync.Mutex
	total  int
	places map[netip.Addr]int // without those that have none
}

// network returns the address that a client's counts as.
func (l *limiter) network(addr netip.Addr) netip.Addr {
	if addr.Is4() {
		return addr
	}
	// The length was checked; this cannot fail.
	prefix, _ := addr.Prefix(l.IPv6Prefix)
	return prefix.Addr()
}

// take takes a place for a client, whose address is invalid if not known.
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

// giveBack gives back what take took.
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
