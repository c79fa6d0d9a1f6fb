package client

import (
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	defaultDelay    = 3 * time.Second
	defaultMaxDelay = 30 * time.Second
	defaultJitter   = 0.5
	defaultHealthy  = 10 * time.Second

	defaultMinServerDelay = 500 * time.Millisecond // as Firefox has it
	defaultMaxServerDelay = time.Hour

	leastGrown = 50 * time.Millisecond // of which the delay grows, where the server asks for less
)

// Backoff says when a client reconnects and when it gives up. The zero value is
// ready to use.
//
// The delay before the first attempt after a healthy connection is the one that
// the server has last set by a retry field, otherwise Delay. It doubles with each
// further attempt, up to MaxDelay. A random part is added to it, so that clients
// that lost their connections together do not reconnect together.
type Backoff struct {
	// Delay is the delay if the server has set none. Default: 3 s. Negative: none.
	Delay time.Duration
	// MaxDelay bounds the delay, before the random part is added, also one that the
	// server asks for. It prevails over MinServerDelay. Default: 30 s, or what the
	// server asks for, if that is longer.
	MaxDelay time.Duration
	// MinServerDelay is the shortest delay that a server can set by a retry field:
	// section 9.2.3 allows a client to wait longer. Delay may be shorter. Default:
	// 500 ms. Negative: none.
	MinServerDelay time.Duration
	// MaxServerDelay is the longest delay that a server can ask for, by a retry
	// field or Retry-After, before the random part is added. Default: 1 h. Negative:
	// no bound.
	MaxServerDelay time.Duration
	// Jitter is the maximum of the random part, as a multiple of the delay. Default:
	// 0.5. Negative: none.
	Jitter float64
	// Healthy is how long a stream has to be open for its connection to count as
	// healthy, which resets the delay to the first one. A shorter stream counts, too,
	// if it set a retry time, sent an event and was ended by the server in order, as
	// a server does that is polled. But the time that it was open and its retry time
	// must together reach MinServerDelay; otherwise the delay grows. Default: 10 s.
	// Negative: any time.
	Healthy time.Duration
	// MaxAttempts is how many attempts may fail in a row, the first one included,
	// before the client gives up. A stream that opened and was not healthy counts as
	// failed. Default: no bound.
	MaxAttempts int
	// MaxElapsed is how long the client tries to get a healthy connection, counted
	// from the beginning of the run or the end of the last healthy connection. It
	// gives up when the next attempt would come later. Default: no bound.
	MaxElapsed time.Duration
}

func (b Backoff) prepared() Backoff {
	if b.Delay == 0 {
		b.Delay = defaultDelay
	}
	if b.Jitter == 0 {
		b.Jitter = defaultJitter
	}
	if b.Healthy == 0 {
		b.Healthy = defaultHealthy
	}
	switch {
	case b.MinServerDelay == 0:
		b.MinServerDelay = defaultMinServerDelay
	case b.MinServerDelay < 0:
		b.MinServerDelay = 0
	}
	switch {
	case b.MaxServerDelay == 0:
		b.MaxServerDelay = defaultMaxServerDelay
	case b.MaxServerDelay < 0:
		b.MaxServerDelay = math.MaxInt64
	}
	return b
}

// granted returns the reconnection time that applies if a server sets d.
func (b Backoff) granted(d time.Duration) time.Duration {
	return min(max(d, b.MinServerDelay), b.MaxServerDelay)
}

// delay returns the time to wait after so many failures in a row, where base is
// the delay that applies, least the one that the server's last answer asks
// for, and chance between 0 and 1.
func (b Backoff) delay(failures int, base, least time.Duration, chance float64) time.Duration {
	base = max(base, 0)
	limit := b.MaxDelay
	if limit <= 0 {
		limit = max(defaultMaxDelay, base, least)
	}
	d := float64(base)
	if failures > 1 {
		d = math.Ldexp(float64(max(base, leastGrown)), min(failures-1, 64))
	}
	d = min(max(d, float64(least)), float64(limit))
	d += d * max(b.Jitter, 0) * chance
	if d >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(d)
}

// pace counts the attempts of a run.
type pace struct {
	Backoff

	failures int       // in a row
	since    time.Time // when the run began, or the last healthy connection ended
}

// ended takes note of the end of an attempt.
func (p *pace) ended(healthy bool) {
	p.failures++
	if healthy {
		p.failures, p.since = 0, time.Now()
	}
}

// next returns the delay before the next attempt, or the reason to give up.
func (p *pace) next(base time.Duration, err error) (time.Duration, Reason) {
	if p.MaxAttempts > 0 && p.failures >= p.MaxAttempts {
		return 0, OutOfAttempts
	}
	var least time.Duration
	if status := (*StatusError)(nil); errors.As(err, &status) {
		least = min(status.RetryAfter, p.MaxServerDelay)
	}
	d := p.delay(p.failures, base, least, rand.Float64()) //nolint:gosec // Chance is no secret here.
	if p.MaxElapsed > 0 && d > p.MaxElapsed-time.Since(p.since) {
		return 0, OutOfTime
	}
	return d, ""
}

// retryAfter returns what a Retry-After field says, which is seconds or a date
// (RFC 9110, section 10.2.3), and 0 if it says nothing. A number too large for
// a Duration gives the largest that is whole seconds.
func retryAfter(value string) time.Duration {
	const most = math.MaxInt64 / int64(time.Second)
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(most))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
