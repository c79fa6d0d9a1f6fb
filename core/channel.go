package core

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/lazyheap"
	"github.com/tidings-go/tidings/core/internal/ring"
)

// Limits of a subscription.
const (
	// MaxChannelBytes is the maximum length of a channel's name, in bytes.
	MaxChannelBytes = history.MaxNameBytes
	// MaxChannels is the maximum number of channels of one subscription.
	MaxChannels = 256
)

// channel holds the newest entries of one channel, in one copy for all its
// subscribers.
type channel struct {
	name string
	cfg  *ChannelConfig

	// Ring; mu guards the fields up to staleBytes
	mu     sync.Mutex
	ring   ring.Ring[*Entry]
	gone   uint64                     // the ring may lack entries up to this sequence number
	hidden uint64                     // history lacks entries up to this one; the ring may still have them
	latest map[history.Subject]*Entry // newest entry of each subject, if the policy is Conflate
	// stale and staleBytes are the number and the size of the ring's entries that
	// a newer entry supersedes.
	stale, staleBytes int

	// Presence
	streamsMu sync.Mutex
	streams   map[*Stream]struct{} // open streams; guarded by streamsMu

	// Bookkeeping of the hub and the shards
	refs   atomic.Int64    // number of references; see channel_refs.go
	place  lazyheap.Handle // place in the hub's heap of unused channels; guarded by the hub's mu
	shards []interest      // one for each shard; never replaced
}

// Handle returns the channel's place in the hub's heap of unused channels.
func (c *channel) Handle() *lazyheap.Handle { return &c.place }

// channelOverhead is about how many bytes a channel takes beside its entries,
// its name and its interests.
const channelOverhead = 448

// overhead returns about how many bytes the channel takes beside its entries.
func (c *channel) overhead() int64 {
	return int64(channelOverhead + len(c.name) + len(c.shards)*int(unsafe.Sizeof(interest{})))
}

// push appends an entry and drops entries above the ring's bounds. It returns
// the change of the ring's size in bytes, and the number of entries in the
// ring.
func (c *channel) push(e *Entry) (delta, entries int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.ring.Bytes()
	c.ring.Push(e)
	c.supersede(e)
	for c.over() && c.shrink() {
	}
	return c.ring.Bytes() - before, c.ring.Len()
}

// over reports whether the ring is above its bounds. A ring of one entry never
// is. The caller holds c.mu.
func (c *channel) over() bool {
	return c.ring.Len() > 1 && (c.ring.Len() > c.cfg.RingEvents || c.ring.Bytes() > c.cfg.RingBytes)
}

// hideThrough hides entries up to seq, which history no longer has, from new
// subscribers. If the channel is unused, it also drops the entries. It returns
// the change of the ring's size in bytes, and whether the channel is unused and
// its ring empty.
func (c *channel) hideThrough(seq uint64, unused bool) (delta int, empty bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hidden = max(c.hidden, seq)
	if !unused {
		return 0, false
	}
	before := c.ring.Bytes()
	for c.ring.Len() > 0 && c.ring.At(0).Position.Seq <= c.hidden {
		c.dropOldest()
	}
	return c.ring.Bytes() - before, c.ring.Len() == 0
}

// has reports whether a new subscriber finds all entries after seq in the ring.
func (c *channel) has(seq uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return seq >= c.gone && seq >= c.hidden
}

// after appends to dst the entries after seq, up to and including head, about n
// of them: it does not split a batch that was published together. all reports
// whether no entry is left; ok is false if some of the entries have left the
// ring.
func (c *channel) after(dst []*Entry, seq, head uint64, n int) (found []*Entry, all, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if seq < c.gone {
		return dst, false, false
	}
	until := uint64(0)
	for i := c.ring.After(seq); i < c.ring.Len(); i++ {
		e := c.ring.At(i)
		if e.Position.Seq > head {
			break
		}
		if c.superseded(e) {
			continue
		}
		if n <= 0 && e.Position.Seq > until {
			return dst, false, true
		}
		dst = append(dst, e)
		until = e.Until()
		n--
	}
	return dst, true, true
}

// checkChannel returns an error that wraps ErrChannelName if the name is not
// valid for a channel.
func checkChannel(name string) error {
	if fault := history.NameFault(name); fault != "" {
		return fmt.Errorf("%w: %s", ErrChannelName, fault)
	}
	if history.IsControl(name) {
		return fmt.Errorf("%w: names that begin with %q are reserved", ErrChannelName, history.ControlMark)
	}
	return nil
}

// channelSet checks the names and returns a sorted copy without duplicates.
func channelSet(names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, ErrNoChannel
	}
	if len(names) > MaxChannels {
		return nil, fmt.Errorf("%w: more than %d", ErrTooLarge, MaxChannels)
	}
	set := slices.Clone(names)
	slices.Sort(set)
	set = slices.Compact(set)
	for _, name := range set {
		if err := checkChannel(name); err != nil {
			return nil, err
		}
	}
	return set, nil
}
