package middleware

import (
	"math"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxRates is the maximum number of addresses whose rate is measured, at some 150
// bytes each.
const maxRates = 1 << 14

// rates bounds how fast new streams come from each address.
type rates struct {
	limit rate.Limit
	burst int

	// mu guards the fields below.
	mu     sync.Mutex
	each   map[netip.Addr]*rate.Limiter
	others *rate.Limiter // of addresses for which there is no room, together
	swept  time.Time
}

// newRates returns rates, or nil if there is no limit.
func newRates(perSecond float64, burst int) *rates {
	if perSecond <= 0 {
		return nil
	}
	if burst <= 0 {
		burst = max(int(math.Ceil(perSecond)), 1)
	}
	limit := rate.Limit(perSecond)
	return &rates{limit: limit, burst: burst, each: make(map[netip.Addr]*rate.Limiter), others: rate.NewLimiter(limit, burst)}
}

// allow reports whether an address may open another stream now. A nil r always
// allows it.
func (r *rates) allow(client netip.Addr, now time.Time) bool {
	return r == nil || r.of(client, now).AllowN(now, 1)
}

// of returns the limiter of an address.
func (r *rates) of(client netip.Addr, now time.Time) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one := r.each[client]; one != nil {
		return one
	}
	if len(r.each) >= maxRates {
		r.sweep(now)
	}
	if len(r.each) >= maxRates || !client.IsValid() {
		return r.others
	}
	one := rate.NewLimiter(r.limit, r.burst)
	r.each[client] = one
	return one
}

// sweep forgets the addresses that may use their whole burst again, once a second
// at most. The caller holds r.mu.
func (r *rates) sweep(now time.Time) {
	if now.Sub(r.swept) < time.Second {
		return
	}
	r.swept = now
	for client, one := range r.each {
		if one.TokensAt(now) >= float64(r.burst) {
			delete(r.each, client)
		}
	}
}
