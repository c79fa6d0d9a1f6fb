package core

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/tidings-go/tidings/core/history"
)

// channel returns the channel of that name, a new one if need be and if there is
// room, and nil otherwise. The caller holds h.mu, and takes hold of the channel
// or puts an entry into its ring.
func (h *Hub) channel(name string) *channel {
	c := h.channels[name]
	if c != nil {
		return c
	}
	for len(h.channels) >= h.cfg.MaxChannels && !history.IsPrivate(name) {
		if !h.dropUnused() {
			return nil
		}
	}
	name = strings.Clone(name)
	c = &channel{name: name, cfg: h.cfg.channel(name), gone: h.base, shards: make([]interest, len(h.shards))}
	h.channels[name] = c
	return c
}

// hold takes hold of a channel. The caller holds h.mu.
func (h *Hub) hold(c *channel) {
	c.refs.Add(1)
	h.setSpare(c, false)
}

// setSpare says whether the overhead of a channel counts among the rings: it
// does while nothing holds on to the channel, since it can then be won back. The
// caller holds h.mu.
func (h *Hub) setSpare(c *channel, spare bool) {
	switch {
	case spare && !c.spare:
		h.ringBytes.Add(c.overhead())
	case !spare && c.spare:
		h.ringBytes.Add(-c.overhead())
	}
	c.spare = spare
}

// push puts an entry into a channel's ring. The caller is the one that delivers,
// and holds h.mu, if only for reading.
func (h *Hub) push(c *channel, e *Entry) {
	delta, entries := c.push(e)
	h.ringBytes.Add(int64(delta))
	if entries > 1 && c.filled == 0 {
		h.filled = append(h.filled, c)
		c.filled = len(h.filled)
	}
}

// unlist takes a channel off those whose ring can be made smaller. The caller
// holds h.mu.
func (h *Hub) unlist(c *channel) {
	if c.filled == 0 {
		return
	}
	end := len(h.filled) - 1
	last := h.filled[end]
	h.filled[c.filled-1], last.filled = last, c.filled
	h.filled[end] = nil
	h.filled, c.filled = h.filled[:end], 0
}

// removeIfEmpty lets go of what history no longer has of a channel that nobody holds on
// to, and drops the channel if nothing is left. It reports whether it did. The
// caller holds h.mu.
func (h *Hub) removeIfEmpty(c *channel) (dropped bool) {
	delta, empty := c.dropHiddenEntries()
	h.ringBytes.Add(int64(delta))
	if empty {
		h.drop(c)
	}
	return empty
}

// drop forgets a channel that nobody holds on to, with its ring: history may
// still have what was in it. The caller holds h.mu.
func (h *Hub) drop(c *channel) {
	newest, bytes := c.extent()
	if !history.IsPrivate(c.name) { // one that is gone does not come back
		h.base = max(h.base, newest)
	}
	h.setSpare(c, false)
	left := h.ringBytes.Add(-int64(bytes))
	delete(h.channels, c.name)
	h.unused.Remove(c)
	h.unlist(c)
	h.limitRings(left)
}

// limitRings sets from what size on rings are made smaller, given the size that
// there is no way around at the moment: not at every event, if that is all that
// there is to win. The caller holds h.mu.
func (h *Hub) limitRings(least int64) {
	limit := int64(h.cfg.TotalRingBytes)
	if limit = max(limit, least+limit/16); limit < h.ringLimit.Load() {
		h.ringLimit.Store(limit)
	}
}

// extent returns the newest entry that is, or was, in the ring, and the ring's
// size in bytes.
func (c *channel) extent() (newest uint64, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	newest = c.gone
	if n := c.ring.Len(); n > 0 {
		newest = c.ring.At(n - 1).Position.Seq
	}
	return newest, c.ring.Bytes()
}

// newest returns the newest entry that is, or was, in the ring.
func (c *channel) newest() uint64 {
	newest, _ := c.extent()
	return newest
}

// halve drops the older half of the ring. It returns by how much that changes
// its size, in bytes: by nothing if there is one entry only.
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

// enforceBudget makes rings smaller until there is room again. See
// HubConfig.TotalRingBytes for the order.
func (h *Hub) enforceBudget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	limit := int64(h.cfg.TotalRingBytes)
	h.ringLimit.Store(limit)
	for h.ringBytes.Load() > limit {
		if h.dropUnused() {
			continue
		}
		h.halveRings(limit - limit/16)
		// Not again at every event, if that is all there is to win.
		h.ringLimit.Store(max(limit, h.ringBytes.Load()+limit/16))
		return
	}
}

// dropUnused drops the channel that was longest without a new event, of those
// that nothing holds on to, and reports whether there was one. The caller holds
// h.mu.
func (h *Hub) dropUnused() bool {
	for {
		c, ok := h.unused.First((*channel).newest)
		if !ok {
			return false
		}
		if c.refs.Load() == 0 {
			h.drop(c)
			return true
		}
		h.unused.Remove(c) // until it is let go of
	}
}

// halveRings drops the older halves of the largest rings until there is room:
// some more than needed, as it looks at every ring of two entries or more. The
// caller holds h.mu.
func (h *Hub) halveRings(room int64) {
	for {
		need := h.ringBytes.Load() - room
		if need <= 0 {
			return
		}
		// Rings of about the same size, by powers of two, share a class.
		var classes [bits.UintSize + 1]int64
		for _, c := range slices.Backward(h.filled) { // unlist moves what was seen already
			bytes, several := c.size()
			if !several {
				h.unlist(c)
				continue
			}
			classes[bits.Len(uint(bytes))] += int64(bytes)
		}
		if len(h.filled) == 0 {
			return
		}
		class := len(classes)
		for won := int64(0); won < need && class > 0; {
			class--
			won += classes[class] / 2
		}
		for _, c := range h.filled {
			if bytes, _ := c.size(); bits.Len(uint(bytes)) >= class {
				h.ringBytes.Add(int64(c.halve()))
			}
		}
	}
}

// size returns the size of the ring in bytes, and whether it has two entries or
// more.
func (c *channel) size() (bytes int, several bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ring.Bytes(), c.ring.Len() > 1
}
