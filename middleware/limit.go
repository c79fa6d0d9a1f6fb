package middleware

import (
	"cmp"
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
	// ErrTooManyOfIdentity means that the limit of streams of one identity is
	// reached.
	ErrTooManyOfIdentity = errors.New("tidings: too many streams of one identity")
	// ErrTooFast means that new streams come too fast from one address.
	ErrTooFast = errors.New("tidings: new streams come too fast")
	// ErrReplaced is the reason of a stream that ended in favour of a newer one:
	// see Newest of [LimitConfig].
	ErrReplaced = errors.New("tidings: replaced by a newer stream")
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
	// PerIdentity is the maximum number of streams of one identity that an earlier
	// middleware has set, such as [Auth]. Default: no limit. To bound addresses
	// before Auth and identities behind it, use two limits.
	PerIdentity int
	// Newest admits a stream over PerAddress or PerIdentity all the same, and ends
	// the oldest of that address or identity instead, with [ErrReplaced]. Its client
	// is told by a [core.ClosedEvent] with the reason "replaced", and to reconnect
	// after an hour only. Default: the new stream is refused.
	Newest bool
	// Rate is the number of new streams per second from one address, and Burst how
	// many may come at once. Default: no limit, and a second's worth. A request
	// that a limit refuses counts, too. With more than 16,384 addresses in a short
	// time, those beyond share one rate.
	Rate  float64
	Burst int
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
// all, from one address, and of one identity; and how fast new ones come. A stream
// over a limit is refused: in all with 503 and [ErrTooManyStreams], otherwise with
// 429 and [ErrTooManyFromAddress], [ErrTooManyOfIdentity] or [ErrTooFast]. The
// refusal is temporary: a browser's EventSource comes back by itself, see
// [core.Refusal]. To bound the streams of a channel, see MaxSubscribers of
// [core.ChannelConfig].
//
// The returned middleware is one limit, however many gates use it. A stream
// counts from the time it reaches the middleware until it has ended or a later
// middleware has refused it. A request that opens no stream, see
// [core.Handshake.OpensStream], does not count and is not refused. Limit panics if
// the configuration is invalid.
func Limit(cfg LimitConfig) core.Middleware {
	l := newLimiter(cfg)
	return func(h *core.Handshake) error {
		if !h.OpensStream() {
			return nil
		}
		p := place{stream: h.Stream, identity: h.Identity()}
		if client, known := ClientAddress(h.Request(), l.TrustedProxies, l.Header); known {
			p.client = l.network(client)
		}
		if !l.rates.allow(p.client, time.Now()) {
			return l.refusal(ErrTooFast)
		}
		replaced, err := l.take(p)
		if err != nil {
			return l.refusal(err)
		}
		for _, old := range replaced {
			_ = old.CloseWithEvent(ErrReplaced, farewell()) // nothing in it can be wrong
		}
		h.OnClose(func(core.Summary) { l.giveBack(p) })
		return nil
	}
}

func (c LimitConfig) withDefaults() LimitConfig {
	c.Streams = cmp.Or(c.Streams, 10_000)
	c.PerAddress = cmp.Or(c.PerAddress, 100)
	c.Header = strings.Clone(cmp.Or(c.Header, ForwardedFor))
	c.IPv6Prefix = cmp.Or(c.IPv6Prefix, 64)
	c.RetryAfter = cmp.Or(c.RetryAfter, 5*time.Second)
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

// farewell returns the last event of a stream that a newer one replaces. Two pages that
// replaced each other's streams at once would never stop.
func farewell() core.Event {
	return core.Event{Name: core.ClosedEvent, Data: `{"reason":"replaced"}`, Retry: time.Hour}
}

// limiter counts the open streams.
type limiter struct {
	LimitConfig

	rates *rates // or nil

	// mu guards the fields below.
	mu         sync.Mutex
	total      int // number of streams
	addresses  seats[netip.Addr]
	identities seats[string]
}

func newLimiter(cfg LimitConfig) *limiter {
	l := &limiter{LimitConfig: cfg.withDefaults(), rates: newRates(cfg.Rate, cfg.Burst)}
	l.addresses = seats[netip.Addr]{l.PerAddress, make(map[netip.Addr][]*core.Stream)}
	l.identities = seats[string]{l.PerIdentity, make(map[string][]*core.Stream)}
	return l
}

// place is what a stream takes. The address is invalid if it is not known.
type place struct {
	stream   *core.Stream
	client   netip.Addr
	identity string
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

// take counts a stream. It returns older streams that are counted no more, for
// the caller to end.
func (l *limiter) take(p place) (replaced []*core.Stream, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !l.Newest && l.addresses.full(p.client):
		return nil, ErrTooManyFromAddress
	case !l.Newest && l.identities.full(p.identity):
		return nil, ErrTooManyOfIdentity
	case l.Streams > 0 && l.total >= l.Streams:
		return nil, ErrTooManyStreams
	}
	l.total++
	for _, old := range []*core.Stream{l.addresses.add(p.client, p.stream), l.identities.add(p.identity, p.stream)} {
		if old != nil {
			replaced = append(replaced, old)
		}
	}
	return replaced, nil
}

// giveBack stops counting a stream that take counted.
func (l *limiter) giveBack(p place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	l.addresses.remove(p.client, p.stream)
	l.identities.remove(p.identity, p.stream)
}

// seats holds the streams that count for each key, earliest first.
type seats[K comparable] struct {
	most int // for one key; 0 or less: no limit, and nothing is held
	open map[K][]*core.Stream
}

// counts reports whether the streams of a key count: those of the zero key are not
// known.
func (s *seats[K]) counts(key K) bool {
	var none K
	return s.most > 0 && key != none
}

// full reports whether a key has as many streams as it may.
func (s *seats[K]) full(key K) bool { return s.counts(key) && len(s.open[key]) >= s.most }

// add adds a stream. If the key is full, the earliest one goes, and is returned.
func (s *seats[K]) add(key K, stream *core.Stream) (replaced *core.Stream) {
	if !s.counts(key) {
		return nil
	}
	open := s.open[key]
	if len(open) >= s.most {
		replaced = open[0]
		open = slices.Delete(open, 0, 1)
	}
	s.open[key] = append(open, stream)
	return replaced
}

// remove removes a stream, if it is there.
func (s *seats[K]) remove(key K, stream *core.Stream) {
	open := s.open[key]
	if i := slices.Index(open, stream); i >= 0 {
		if open = slices.Delete(open, i, i+1); len(open) == 0 {
			delete(s.open, key)
			return
		}
		s.open[key] = open
	}
}

func (l *limiter) refusal(cause error) *core.Refusal {
	r := &core.Refusal{
		Status:     http.StatusServiceUnavailable,
		Message:    "There are too many streams. Try again later.",
		RetryAfter: l.RetryAfter,
		Err:        cause,
	}
	if !errors.Is(cause, ErrTooManyStreams) {
		r.Status, r.Message = http.StatusTooManyRequests, "You have too many streams."
	}
	if r.RetryAfter > 0 {
		r.RetryAfter += rand.N(r.RetryAfter) //nolint:gosec // Spreading load needs no secret.
	}
	return r
}
