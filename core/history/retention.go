package history

import (
	"fmt"
	"path"
	"strings"
	"time"
)

// Retention says how much history a store keeps. What is over any of the
// bounds is trimmed, oldest first.
type Retention struct {
	// Events bounds the number of events of each channel. Default: 1024.
	// Negative: no bound.
	Events int
	// Age bounds their age. Default: no bound.
	Age time.Duration
	// Bytes bounds their size, overhead included, for each channel. The newest
	// event is kept even if it is larger. Default: 8 MiB. Negative: no bound.
	Bytes int
	// Idle is after how long without a new event a channel is forgotten
	// altogether. Default: 24 h. Negative: never.
	Idle time.Duration
	// Channels are the channels with bounds of their own. The first whose
	// pattern matches applies, and the bounds above to all others.
	Channels []ChannelRetention
	// TotalBytes bounds the size of all channels together, overhead included.
	// Over it, the oldest events go first, whatever their channel. Default:
	// 256 MiB. Negative: no bound.
	TotalBytes int
	// OnceWindow is for how long a store remembers the keys of events that are
	// published once per key. Default: 5 min.
	OnceWindow time.Duration
	// OnceKeys bounds how many of these keys are remembered; over it, the oldest
	// is dropped. Default: 100,000.
	OnceKeys int
}

// ChannelRetention is how much history is kept of each channel whose name
// matches a pattern.
type ChannelRetention struct {
	// Pattern selects channels by their name, with the syntax of [path.Match]:
	// "*" stands for any text without a slash.
	Pattern string
	// Events, Age, Bytes and Idle are as in [Retention], whose defaults they
	// have.
	Events int
	Age    time.Duration
	Bytes  int
	Idle   time.Duration
}

// WithDefaults returns the retention with its defaults put in, and 0 for each
// bound that there is not. It panics if a pattern is malformed. A store's
// constructor calls it.
func (r Retention) WithDefaults() Retention {
	r.Events = orDefault(r.Events, defaultEvents)
	r.Bytes = orDefault(r.Bytes, defaultBytes)
	r.Idle = orDefault(r.Idle, defaultIdle)
	r.Age = max(r.Age, 0)
	r.TotalBytes = orDefault(r.TotalBytes, 256<<20)
	if r.OnceWindow <= 0 {
		r.OnceWindow = 5 * time.Minute
	}
	if r.OnceKeys <= 0 {
		r.OnceKeys = 100_000
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

// Of returns what applies to a channel. On a retention that WithDefaults
// returned, a bound of 0 is none.
func (r Retention) Of(channel string) ChannelRetention {
	for _, c := range r.Channels {
		if Matches(c.Pattern, channel) {
			return c
		}
	}
	return ChannelRetention{Events: r.Events, Age: r.Age, Bytes: r.Bytes, Idle: r.Idle}
}

// Matches reports whether a channel's name matches a pattern that is well
// formed.
func Matches(pattern, channel string) bool {
	ok, _ := path.Match(pattern, channel)
	return ok
}

// CheckPattern panics if a pattern is malformed: no channel would ever match.
func CheckPattern(pattern string) {
	if _, err := path.Match(pattern, ""); err != nil {
		panic(fmt.Sprintf("tidings: channel pattern %q: %v", pattern, err))
	}
}

// orDefault returns v, or its default if it is 0, or 0 if it is negative.
func orDefault[T int | int64 | time.Duration](v, byDefault T) T {
	if v == 0 {
		return byDefault
	}
	return max(v, 0)
}
