package boltstore

import (
	"encoding/binary"
	"math"
	"time"
)

// clock is what is known of the times in the file. The machine's clock may have
// been ahead when they were taken, and set back since. When the store finds that
// out, what it has counts as appended at that moment, at the latest: otherwise,
// it would be within its once window, its age and its idle time for as long as
// the clock was ahead.
type clock struct {
	latest   int64 // the latest of the times, in nanoseconds
	setbacks [4]setback
}

// setback is that the clock was found to be set back.
type setback struct {
	through uint64 // the newest entry at that moment
	at      int64  // that moment, in nanoseconds
}

func (c *clock) encode(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(c.latest)) //nolint:gosec // The bits are what matters.
	for _, s := range c.setbacks {
		b = append(b, pair(s.through, uint64(s.at))...) //nolint:gosec // As above.
	}
	return b
}

// decodeClock returns a clock. A file need not have one.
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

// tolerance is by how much times may be ahead: clocks that are kept in step go
// back by less.
const tolerance = time.Second

// take notes a time that goes to the file.
func (c *clock) take(at time.Time) { c.latest = max(c.latest, at.UnixNano()) }

// ahead reports whether the latest time is ahead of the clock.
func (c *clock) ahead(now time.Time) bool { return c.latest-now.UnixNano() > int64(tolerance) }

// setBack notes that the clock was set back, after an entry. The last few times
// that it was are known one by one.
func (c *clock) setBack(head uint64, now time.Time) {
	c.latest = now.UnixNano()
	place := 0
	for i := range c.setbacks {
		if c.setbacks[i].at >= c.latest { // the new one says more of the same entries
			c.setbacks[i] = setback{}
		}
		if c.setbacks[i].through < c.setbacks[place].through {
			place = i
		}
	}
	c.setbacks[place] = setback{head, c.latest}
}

// trust returns when an entry was appended, at the latest, by the time that it
// has in the file.
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

// trustChannel does the same with the times of a channel.
func (c *clock) trustChannel(ch *channel) {
	if ch.count == 0 {
		return
	}
	ch.oldestAt, ch.newestAt = c.trust(ch.oldest, ch.oldestAt), c.trust(ch.newest, ch.newestAt)
}
