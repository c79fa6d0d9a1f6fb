package boltstore

import (
	"math"
	"time"
)

// clock corrects the times in the file. The machine's clock may have been ahead
// when they were taken, and set back since. When the store finds that out, the
// entries in the file count as appended at that moment, at the latest.
// Otherwise they would stay within the once window, the age and the idle time
// for as long as the clock was ahead. Times are in nanoseconds since 1970.
type clock struct {
	latest   uint64 // the latest time in the file
	setbacks [4]setback
}

// setback records that the store found the clock set back.
type setback struct {
	through uint64 // the newest entry at that moment
	at      uint64 // that moment
}

// numbers appends the numbers that the file has of the clock to n.
func (c *clock) numbers(n []*uint64) []*uint64 {
	n = append(n, &c.latest)
	for i := range c.setbacks {
		n = append(n, &c.setbacks[i].through, &c.setbacks[i].at)
	}
	return n
}

// tolerance is how far times may be ahead: synchronized clocks go back by less.
const tolerance = uint64(time.Second)

// take records a time that is written to the file.
func (c *clock) take(at uint64) { c.latest = max(c.latest, at) }

// ahead reports whether the latest time is ahead of the clock.
func (c *clock) ahead(now time.Time) bool { return c.latest > nanos(now)+tolerance }

// setBack records that the clock was set back, when head was the newest entry.
// The last few setbacks are kept one by one.
func (c *clock) setBack(head uint64, now time.Time) {
	c.latest = nanos(now)
	place := 0
	for i := range c.setbacks {
		if c.setbacks[i].at >= c.latest { // the new one bounds the same entries more closely
			c.setbacks[i] = setback{}
		}
		if c.setbacks[i].through < c.setbacks[place].through {
			place = i
		}
	}
	c.setbacks[place] = setback{head, c.latest}
}

// trust returns the latest time at which an entry can have been appended, given
// its time in the file.
func (c *clock) trust(seq, at uint64) uint64 {
	limit := uint64(math.MaxUint64)
	for _, s := range c.setbacks {
		if s.through >= seq {
			limit = min(limit, s.at)
		}
	}
	return min(at, limit)
}

// age returns how long ago an entry was appended, given its time in the file.
func (c *clock) age(seq, at uint64, now time.Time) time.Duration {
	return now.Sub(moment(c.trust(seq, at)))
}

// trustChannel corrects the times of a channel in the same way.
func (c *clock) trustChannel(ch *channel) {
	if ch.count > 0 {
		ch.oldestAt, ch.newestAt = c.trust(ch.oldest, ch.oldestAt), c.trust(ch.newest, ch.newestAt)
	}
}
