package core

import (
	"fmt"
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/tidings-go/tidings/core/internal/ring"
)

// Limits on what a subscription may name.
const (
	// MaxChannelBytes is the length of a channel's name at most, in bytes.
	MaxChannelBytes = 256
	// MaxChannels is the number of channels of one subscription at most.
	MaxChannels = 256
)

// channel holds the newest entries of one channel, in one copy for all its
// subscribers.
type channel struct {
	name string

	mu     sync.RWMutex
	ring   ring.Ring[*Entry]
	gone   uint64 // the newest entry that left the ring, or was never in it
	hidden uint64 // the newest entry that history no longer has, though the ring may

	refs   int        // subscribers that hold on to the channel; guarded by the hub's mu
	shards []interest // by shard; set once
}

// push appends an entry and drops what is over the bounds.
func (c *channel) push(e *Entry, maxEvents, maxBytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ring.Push(e)
	for c.ring.Len() > 1 && (c.ring.Len() > maxEvents || c.ring.Bytes() > maxBytes) {
		c.gone = c.ring.Drop().Position.Seq
	}
}

// hide keeps new subscribers from what history no longer has.
func (c *channel) hide(seq uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hidden = max(c.hidden, seq)
}

// has reports whether all that follows seq is in the ring, for a subscriber
// that is new.
func (c *channel) has(seq uint64) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return seq >= c.gone && seq >= c.hidden
}

// after appends to dst what follows seq, up to and including head, at most n
// entries. It reports false if some of it has left the ring.
func (c *channel) after(dst []*Entry, seq, head uint64, n int) ([]*Entry, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if seq < c.gone {
		return dst, false
	}
	for i := c.ring.After(seq); i < c.ring.Len() && n > 0; i++ {
		e := c.ring.At(i)
		if e.Position.Seq > head {
			break
		}
		dst = append(dst, e)
		n--
	}
	return dst, true
}

// release drops what history no longer has. Nobody may be subscribed.
func (c *channel) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.ring.Len() > 0 && c.ring.At(0).Position.Seq <= c.hidden {
		c.gone = c.ring.Drop().Position.Seq
	}
}

// idle reports whether the channel is what a new one would be, which lacks
// everything up to base.
func (c *channel) idle(base uint64) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.ring.Len() == 0 && c.gone <= base
}

// checkChannel returns an error that wraps ErrChannelName if the name cannot
// be a channel's.
func checkChannel(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: empty", ErrChannelName)
	case len(name) > MaxChannelBytes:
		return fmt.Errorf("%w: longer than %d bytes", ErrChannelName, MaxChannelBytes)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: not UTF-8", ErrChannelName)
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return fmt.Errorf("%w: control character", ErrChannelName)
		}
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
