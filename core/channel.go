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

// Limits on what a subscription may name.
const (
	// MaxChannelBytes is the length of a channel's name at most, in bytes.
	MaxChannelBytes = history.MaxNameBytes
	// MaxChannels is the number of channels of one subscription at most.
	MaxChannels = 256
)

// channel holds the newest entries of one channel, in one copy for all its
// subscribers.
type channel struct {
	name string
	cfg  *ChannelConfig

	mu     sync.Mutex
	ring   ring.Ring[*Entry]
	gone   uint64                     // the newest entry that left the ring, or was never in it
	hidden uint64                     // the newest entry that history no longer has, though the ring may
	latest map[history.Subject]*Entry // of each key, where only these count; nil elsewhere
	// stale and staleBytes are the entries in the ring of which there is a later
	// one.
	stale, staleBytes int

	streamsMu sync.Mutex
	streams   map[*Stream]struct{} // that are open

	refs   atomic.Int64    // who holds on to the channel; see attach
	place  lazyheap.Handle // among those that nobody holds on to; guarded by the hub's mu
	filled int             // its index plus 1 in the hub's list of that name, or 0; guarded by that list
	spare  bool            // its overhead counts among the rings; guarded by the hub's mu
	shards []interest      // by shard; set once
}

// Handle is for the hub's heap of unused channels.
func (c *channel) Handle() *lazyheap.Handle { return &c.place }

// channelOverhead is about what a channel costs beside its entries, its name
// and what it knows of each shard.
const channelOverhead = 448

// overhead is about what the channel costs beside its entries.
func (c *channel) overhead() int64 {
	return int64(channelOverhead + len(c.name) + len(c.shards)*int(unsafe.Sizeof(interest{})))
}

// push appends an entry and drops what is over the bounds. It returns by how
// much that changes the size of the ring, in bytes, and how many entries there
// are then.
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

// over reports whether the ring is over its bounds. One entry never is. The
// caller holds c.mu.
func (c *channel) over() bool {
	return c.ring.Len() > 1 && (c.ring.Len() > c.cfg.RingEvents || c.ring.Bytes() > c.cfg.RingBytes)
}

// hideThrough keeps new subscribers from what history no longer has. If nobody is
// subscribed, it does what release does.
func (c *channel) hideThrough(seq uint64, unused bool) (delta int, empty bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hidden = max(c.hidden, seq)
	if !unused {
		return 0, false
	}
	return c.dropHidden()
}

// has reports whether all that follows seq is in the ring, for a subscriber
// that is new.
func (c *channel) has(seq uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return seq >= c.gone && seq >= c.hidden
}

// after appends to dst what follows seq, up to and including head, about n
// entries: those that were published together are not parted. It reports
// whether that is all, and false as the second if some of it has left the ring.
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

// dropHiddenEntries drops what history no longer has. Nobody may be subscribed. It
// returns by how much the size of the ring changes, and whether it is empty.
func (c *channel) dropHiddenEntries() (delta int, empty bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropHidden()
}

// dropHidden drops what history no longer has. The caller holds c.mu.
func (c *channel) dropHidden() (delta int, empty bool) {
	before := c.ring.Bytes()
	for c.ring.Len() > 0 && c.ring.At(0).Position.Seq <= c.hidden {
		c.dropOldest()
	}
	return c.ring.Bytes() - before, c.ring.Len() == 0
}

// checkChannel returns an error that wraps ErrChannelName if the name cannot
// be a channel's.
func checkChannel(name string) error {
	if fault := history.NameFault(name); fault != "" {
		return fmt.Errorf("%w: %s", ErrChannelName, fault)
	}
	return nil
}

// channelSet checks the names and returns a copy in which each stands once.
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
