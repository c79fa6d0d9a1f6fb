package history

import (
	"fmt"
	"math"
	"path"
	"strings"
	"time"
)

// Retention says how much history a store keeps. The store trims entries above
// any of the bounds, oldest first.
type Retention struct {
	// Events bounds the number of events of each channel. Default: 1024.
	// Negative: no bound.
	Events int
	// Age bounds the age of events. Default: no bound.
	Age time.Duration
	// Bytes bounds the size of the events of each channel, overhead included. The
	// newest event is kept even if it is larger. Default: 8 MiB. Negative: no
	// bound.
	Bytes int
	// Idle is the time without a new event after which a channel is forgotten.
	// Default: 24 h. Negative: never.
	Idle time.Duration
	// Channels sets other bounds for some channels. The first entry whose pattern
	// matches a channel's name applies; the bounds above apply to all other
	// channels.
	Channels []ChannelRetention
	// TotalBytes bounds the size of all channels together, overhead included.
	// Above it, the store drops the oldest events, whatever their channel.
	// Default: 256 MiB. Negative: no bound.
	TotalBytes int
	// OnceWindow is how long a store remembers idempotency keys. Default: 5 min.
	// Negative: no bound.
	OnceWindow time.Duration
	// OnceKeys bounds the number of idempotency keys that a store remembers. Above
	// it, the store drops the oldest. A long key counts as several: see
	// [OnceWeight]. Default: 100,000. Negative: no bound.
	OnceKeys int
}

// OnceWeight returns how many idempotency keys one counts as, given the length
// in bytes of what is remembered: the channel's name, the key and the event's
// own ID.
func OnceWeight(bytes int) int { return 1 + bytes/256 }

// ChannelRetention says how much history is kept of each channel whose name
// matches a pattern.
type ChannelRetention struct {
	// Pattern selects channels by name, with the syntax of [path.Match]: "*"
	// matches any text without a slash.
	Pattern string
	// Events, Age, Bytes and Idle have the meanings and the defaults of those in
	// [Retention].
	Events int
	Age    time.Duration
	Bytes  int
	Idle   time.Duration
}

// WithDefaults returns the retention with its defaults filled in, and with 0
// for each bound that does not apply. It panics if a pattern is malformed. The
// constructor of a store calls it.
func (r Retention) WithDefaults() Retention {
	r.Events = orDefault(r.Events, defaultEvents)
	r.Bytes = orDefault(r.Bytes, defaultBytes)
	r.Idle = orDefault(r.Idle, defaultIdle)
	r.Age = max(r.Age, 0)
	r.TotalBytes = orDefault(r.TotalBytes, 256<<20)
	if r.OnceWindow = orDefault(r.OnceWindow, 5*time.Minute); r.OnceWindow == 0 {
		r.OnceWindow = math.MaxInt64
	}
	if r.OnceKeys = orDefault(r.OnceKeys, 100_000); r.OnceKeys == 0 {
		r.OnceKeys = math.MaxInt
	}
	channels := make([]ChannelRetention, len(r.Channels))
	for i, c := range r.Channels {
		CheckPattern(c.Pattern)
		channels[i] = ChannelRetention{
			Pattern: strings.Clone(c.Pattern),
			Events:  orDefault(c.Events, defaultEvents),
			Bytes:   orDefault(c.Bytes, defaultBytes),
			Idle:    orDefault(c.Idle, defaultIdle),
			Age:     max(c.Age, 0),
		}
	}
	r.Channels = channels
	return r
}

const (
	defaultEvents = 1024
	defaultBytes  = 8 << 20
	defaultIdle   = 24 * time.Hour
)

// Of returns the retention of a channel. In the result of WithDefaults, a bound
// of 0 means no bound. Control channels have a retention that the app does not
// choose.
func (r Retention) Of(channel string) ChannelRetention {
	if IsControl(channel) {
		return controlRetention(channel)
	}
	for _, c := range r.Channels {
		if Matches(c.Pattern, channel) {
			return c
		}
	}
	return ChannelRetention{Events: r.Events, Age: r.Age, Bytes: r.Bytes, Idle: r.Idle}
}

// controlRetention returns the retention of a control channel.
func controlRetention(channel string) ChannelRetention {
	switch channel {
	case ControlRevoked: // until the machines say otherwise
		return ChannelRetention{Events: 100_000, Bytes: 64 << 20}
	case ControlTickets: // what matters are their once keys
		return ChannelRetention{Events: 1}
	}
	return ChannelRetention{Events: defaultEvents, Bytes: defaultBytes, Age: 5 * time.Minute, Idle: defaultIdle}
}

// Matches reports whether a channel's name matches a pattern. The pattern must
// be well formed.
func Matches(pattern, channel string) bool {
	ok, _ := path.Match(pattern, channel)
	return ok
}

// CheckPattern panics if a pattern is malformed, because no channel would ever
// match it.
func CheckPattern(pattern string) {
	if _, err := path.Match(pattern, ""); err != nil {
		panic(fmt.Sprintf("tidings: channel pattern %q: %v", pattern, err))
	}
}

// orDefault returns v, or byDefault if v is 0, or 0 if v is negative.
func orDefault[T int | int64 | time.Duration](v, byDefault T) T {
	if v == 0 {
		return byDefault
	}
	return max(v, 0)
}
