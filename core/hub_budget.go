package core

import (
	"fmt"
	"strings"

	"github.com/tidings-go/tidings/core/history"
)

// channel returns the channel with this name, and makes it if there is none.
// The error wraps ErrChannelGone or ErrTooManyChannels. The caller holds h.mu
// for writing, and then acquires a reference to the channel or pushes an entry
// onto its ring.
func (h *Hub) channel(name string) (*channel, error) {
	if err := h.exists(name); err != nil {
		return nil, err
	}
	if c := h.channels[name]; c != nil {
		return c, nil
	}
	for len(h.channels) >= h.cfg.MaxChannels {
		if !h.dropUnused() {
			return nil, fmt.Errorf("%w: %d", ErrTooManyChannels, len(h.channels))
		}
	}
	return h.newChannel(strings.Clone(name)), nil
}

// newChannel makes a channel. The caller does what that of channel does.
func (h *Hub) newChannel(name string) *channel {
	c := &channel{name: name, cfg: h.cfg.channel(name), gone: h.base, shards: make([]interest, len(h.shards))}
	h.channels[name] = c
	h.ringBytes.Add(c.overhead())
	h.unused.Add(c, h.head.Load()) // its first entry is newer
	return c
}

// hold acquires a reference to a channel. The caller holds h.mu for writing.
func (h *Hub) hold(c *channel) {
	if c.refs.Add(1) == 1 {
		h.ringBytes.Add(-c.overhead())
		h.unused.Remove(c)
	}
}

// push pushes an entry onto a channel's ring. Only the goroutine that delivers
// calls it. The caller holds h.mu, for reading at least.
func (h *Hub) push(c *channel, e *Entry) {
	delta, entries := c.push(e)
	h.ringBytes.Add(int64(delta))
	if entries == 2 { // a push adds one entry at most
		h.filled[c] = struct{}{}
	}
}

// removeIfEmpty drops the entries of a channel that history no longer has, and
// then the channel if its ring is empty. It reports whether it dropped the
// channel. The channel has no references. The caller holds h.mu for writing.
func (h *Hub) removeIfEmpty(c *channel) (dropped bool) {
	delta, empty := c.hideThrough(0, true)
	h.ringBytes.Add(int64(delta))
	if empty {
		h.drop(c)
	}
	return empty
}

// drop removes a channel that has no references, with its ring. History may
// still have the entries of the ring. The caller holds h.mu for writing.
func (h *Hub) drop(c *channel) {
	if !history.IsPrivate(c.name) { // a private channel is never made again
		h.base = max(h.base, c.newest())
	}
	bytes, _ := c.size()
	h.ringBytes.Add(-int64(bytes) - c.overhead())
	delete(h.channels, c.name)
	h.unused.Remove(c)
	delete(h.filled, c)
}

// newest returns the sequence number of the newest entry that is or was in the
// ring.
func (c *channel) newest() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.ring.Len(); n > 0 {
		return c.ring.At(n - 1).Position.Seq
	}
	return c.gone
}

// halve drops the older half of the ring. It returns the change of the ring's
// size in bytes: 0 if the ring has only one entry.
func (c *channel) halve() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, keep := c.ring.Bytes(), (c.ring.Len()+1)/2
	if c.stale > 0 {
		c.dropSuperseded()
	}
	for c.ring.Len() > keep {
		c.dropOldest()
	}
	return c.ring.Bytes() - before
}

// checkBudget enforces the budget when the rings take more than ringLimit. Only
// the goroutine that delivers calls it.
func (h *Hub) checkBudget() {
	limit, bytes := int64(h.cfg.TotalRingBytes), h.ringBytes.Load()
	h.ringLimit = max(limit, min(h.ringLimit, bytes+limit/16))
	if bytes > h.ringLimit {
		h.enforceBudget(limit)
	}
}

// enforceBudget makes rings smaller until they fit into limit. See [HubConfig]
// for the order.
func (h *Hub) enforceBudget(limit int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.ringBytes.Load() > limit {
		if h.dropUnused() {
			continue
		}
		h.halveRings(limit - limit/16)
		// A margin, so that the next event does not try again for little gain.
		h.ringLimit = max(limit, h.ringBytes.Load()+limit/16)
		return
	}
}

// dropUnused drops the channel whose newest event is the oldest, among the
// channels without references. It reports whether there was one. The caller
// holds h.mu for writing.
func (h *Hub) dropUnused() bool {
	c, ok := h.unused.First((*channel).newest)
	if ok {
		h.drop(c)
	}
	return ok
}

// halveRings drops the older halves of the largest rings until all rings take
// at most room bytes. The caller leaves a margin in room, because one call
// looks at every ring of two entries or more. The caller holds h.mu for
// writing.
func (h *Hub) halveRings(room int64) {
	for h.ringBytes.Load() > room && len(h.filled) > 0 {
		largest := 0
		for c := range h.filled {
			bytes, several := c.size()
			if !several {
				delete(h.filled, c)
				continue
			}
			largest = max(largest, bytes)
		}
		for c := range h.filled {
			if bytes, _ := c.size(); bytes > largest/2 {
				h.ringBytes.Add(int64(c.halve()))
			}
		}
	}
}

// size returns the size of the ring in bytes, and whether it has two or more
// entries.
func (c *channel) size() (bytes int, several bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ring.Bytes(), c.ring.Len() > 1
}
