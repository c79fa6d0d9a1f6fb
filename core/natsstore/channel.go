package natsstore

import (
	"cmp"
	"slices"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/lazyheap"
	"github.com/tidings-go/tidings/core/internal/ring"
)

// channel holds what is known of the events that are kept of one channel.
type channel struct {
	name   string
	place  lazyheap.Handle // place in the index's oldest
	keep   history.ChannelRetention
	ring   ring.Ring[*item]
	gone   uint64                    // sequence number of the newest event that is not kept any more, or 0
	chosen map[string]uint64         // sequence number of the newest event, by the app's own ID
	latest map[history.Subject]*item // by subject; nil until a snapshot is read
}

// channelOverhead is about how many bytes a channel takes beside its events.
const channelOverhead = 384

// Handle returns the channel's place in the index's heap.
func (c *channel) Handle() *lazyheap.Handle { return &c.place }

// oldest returns the sequence number of the oldest event.
func (c *channel) oldest() uint64 { return c.ring.At(0).Seq() }

// extent returns what is kept of the channel.
func (c *channel) extent() history.Extent {
	n := c.ring.Len()
	if n == 0 {
		return history.Extent{}
	}
	return history.Extent{
		Events: int64(n), Bytes: int64(c.ring.Bytes()),
		Oldest: c.ring.At(0).at, Newest: c.ring.At(n - 1).at,
	}
}

// kept describes the channel's events, without those that are too old.
func (c *channel) kept() history.Kept {
	kept, first, n := history.Kept{Gone: c.gone}, c.firstFresh(), c.ring.Len()
	if first > 0 {
		kept.Gone = c.ring.At(first - 1).Seq()
	}
	if first < n {
		kept.Oldest, kept.Newest = c.ring.At(first).Seq(), c.ring.At(n-1).Seq()
	}
	return kept
}

// firstFresh returns the index of the first event that is not too old. Older ones
// may not be trimmed yet.
func (c *channel) firstFresh() int {
	if c.keep.Age <= 0 && c.keep.Idle <= 0 {
		return 0
	}
	now, i := time.Now(), 0
	for extent := c.extent(); i < c.ring.Len() && !c.keep.Keeps(extent, c.ring.At(i).at, now); {
		i++
	}
	return i
}

// latestOfAll returns the channel's latest event of each subject.
func (c *channel) latestOfAll() map[history.Subject]*item {
	latest := make(map[history.Subject]*item)
	for i := range c.ring.Len() {
		if e := c.ring.At(i); e.key != "" {
			latest[e.subject()] = e
		}
	}
	return latest
}

// snapshot returns the channel's newest event of each subject, for one page of a
// snapshot, and one more if there is one. The events before the index first are
// too old.
func (c *channel) snapshot(q history.Query, first int) (list []*item) {
	if c.latest == nil {
		c.latest = c.latestOfAll()
	}
	first = max(c.ring.After(q.After.Seq), first)
	left := c.ring.Len() - first
	if left == 0 {
		return nil
	}
	if len(c.latest) < left/16 { // sort the few instead of walking the ring
		oldest := c.ring.At(first).Seq()
		for _, e := range c.latest {
			if e.Seq() >= oldest {
				list = append(list, e)
			}
		}
		slices.SortFunc(list, func(a, b *item) int { return cmp.Compare(a.Seq(), b.Seq()) })
		return list
	}
	events, bytes := q.Limits()
	for i := range left {
		e := c.ring.At(first + i)
		if e.key == "" || c.latest[e.subject()] != e {
			continue
		}
		list = append(list, e)
		if events, bytes = events-1, bytes-e.Size(); events < 0 || bytes < 0 && len(list) > 1 {
			break
		}
	}
	return list
}
