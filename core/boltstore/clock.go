package boltstore

import (
	"encoding/binary"
	"math"
	"time"
)

// clock corrects the times in the file. The machine's clock may have been ahead
// when they were taken, and set back since. When the store finds that out, the
// entries in the file count as appended at that moment, at the latest.
// Otherwise they would stay within the once window, the age and the idle time
// for as long as the clock was ahead.
type clock struct {
	latest   int64 // the latest time in the file, in nanoseconds since 1970
	setbacks [4]setback
}

// setback records that the store found the clock set back.
type setback struct {
	through uint64 // the newest entry at that moment
	at      int64  // that moment, in nanoseconds since 1970
}

func (c *clock) encode(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(c.latest)) //nolint:gosec // The bits are what matters.
	for _, s := range c.setbacks {
		b = append(b, pair(s.through, uint64(s.at))...) //nolint:gosec // As above.
	}
	return b
}

// decodeClock returns the clock in b, or a zero clock: a file may have none.
func decodeClock(b []byte) (c clock) {
	if len(b) < 8+16*len(c.setbacks) {
		return c
	}
	c.latest = int64(binary.BigEndian.Uint64(b)) //nolint:gosec // The bits are what matters.
	for i := range c.setbacks {
		one := b[8+16*i:]
		c.setbacks[i] = setback{binary.BigEndian.Uint64(one), int64(binary.BigEndian.Uint64(one[8:]))} //nolint:gosec // As above.
	}
	return c
}

// tolerance is how far times may be ahead: synchronized clocks go back by less.
const tolerance = time.Second

// take records a time that is written to the file.
func (c *clock) take(at time.Time) { c.latest = max(c.latest, at.UnixNano()) }

// ahead reports whether the latest time is ahead of the clock.
func (c *clock) ahead(now time.Time) bool { return c.latest-now.UnixNano() > int64(tolerance) }

// setBack records that the clock was set back, when head was the newest entry.
// The last few setbacks are kept one by one.
func (c *clock) setBack(head uint64, now time.Time) {
	c.latest = now.UnixNano()
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
func (c *clock) trust(seq uint64, at time.Time) time.Time {
	limit := int64(math.MaxInt64)
	for _, s := range c.setbacks {
		if s.through >= seq {
			limit = min(limit, s.at)
		}
	}
	if at.UnixNano() > limit {
		return time.Unix(0, limit)
	}
	return at
}

// trustChannel corrects the times of a channel in the same way.
func (c *clock) trustChannel(ch *channel) {
	if ch.count == 0 {
		return
	}
	ch.oldestAt, ch.newestAt = c.trust(ch.oldest, ch.oldestAt), c.trust(ch.newest, ch.newestAt)
}
