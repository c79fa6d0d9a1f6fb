package core

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/tidings-go/tidings/core/history"
)

// channel returns the channel with this name. It makes a new one if there is
// none, and returns nil if MaxChannels leaves no room. The caller holds h.mu
// for writing, and then acquires a reference to the channel or pushes an entry
// onto its ring.
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

// hold acquires a reference to a channel. The caller holds h.mu for writing.
func (h *Hub) hold(c *channel) {
	c.refs.Add(1)
	h.setSpare(c, false)
}

// setSpare records whether the overhead of a channel counts in ringBytes. It
// counts while the channel has no references, because the memory can then be
// reclaimed. The caller holds h.mu for writing.
func (h *Hub) setSpare(c *channel, spare bool) {
	switch {
	case spare && !c.spare:
		h.ringBytes.Add(c.overhead())
	case !spare && c.spare:
		h.ringBytes.Add(-c.overhead())
	}
	c.spare = spare
}

// push pushes an entry onto a channel's ring. Only the goroutine that delivers
// calls it. The caller holds h.mu, for reading at least.
func (h *Hub) push(c *channel, e *Entry) {
	delta, entries := c.push(e)
	h.ringBytes.Add(int64(delta))
	if entries > 1 && c.filled == 0 {
		h.filled = append(h.filled, c)
		c.filled = len(h.filled)
	}
}

// unlist removes a channel from filled, the list of channels whose ring can be
// made smaller. The caller holds h.mu for writing.
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

// removeIfEmpty drops the entries of a channel that history no longer has, and
// then the channel if its ring is empty. It reports whether it dropped the
// channel. The channel has no references. The caller holds h.mu for writing.
func (h *Hub) removeIfEmpty(c *channel) (dropped bool) {
	delta, empty := c.dropHiddenEntries()
	h.ringBytes.Add(int64(delta))
	if empty {
		h.drop(c)
	}
	return empty
}

// drop removes a channel that has no references, with its ring. History may
// still have the entries of the ring. The caller holds h.mu for writing.
func (h *Hub) drop(c *channel) {
	newest, bytes := c.extent()
	if !history.IsPrivate(c.name) { // a private channel is never made again
		h.base = max(h.base, newest)
	}
	h.setSpare(c, false)
	left := h.ringBytes.Add(-int64(bytes))
	delete(h.channels, c.name)
	h.unused.Remove(c)
	h.unlist(c)
	h.limitRings(left)
}

// limitRings lowers the size above which rings are made smaller. least is the
// size that cannot be avoided at the moment. The limit stays above it by a
// margin, so that deliveries do not run enforceBudget each time for little
// gain. The caller holds h.mu for writing.
func (h *Hub) limitRings(least int64) {
	limit := int64(h.cfg.TotalRingBytes)
	if limit = max(limit, least+limit/16); limit < h.ringLimit.Load() {
		h.ringLimit.Store(limit)
	}
}

// extent returns the sequence number of the newest entry that is or was in the
// ring, and the ring's size in bytes.
func (c *channel) extent() (newest uint64, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	newest = c.gone
	if n := c.ring.Len(); n > 0 {
		newest = c.ring.At(n - 1).Position.Seq
	}
	return newest, c.ring.Bytes()
}

// newest returns the sequence number of the newest entry that is or was in the
// ring.
func (c *channel) newest() uint64 {
	newest, _ := c.extent()
	return newest
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

// enforceBudget makes rings smaller until they fit into TotalRingBytes. See
// [HubConfig] for the order.
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
		// A margin, so that the next event does not try again for little gain.
		h.ringLimit.Store(max(limit, h.ringBytes.Load()+limit/16))
		return
	}
}

// dropUnused drops the channel whose newest event is the oldest, among the
// channels without references. It reports whether there was one. The caller
// holds h.mu for writing.
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
		h.unused.Remove(c) // release adds it again
	}
}

// halveRings drops the older halves of the largest rings until all rings take
// at most room bytes. The caller leaves a margin in room, because one call
// looks at every ring of two entries or more. The caller holds h.mu for
// writing.
func (h *Hub) halveRings(room int64) {
	for {
		need := h.ringBytes.Load() - room
		if need <= 0 {
			return
		}
		// Rings whose sizes have the same bit length share a class.
		var classes [bits.UintSize + 1]int64
		for _, c := range slices.Backward(h.filled) { // unlist moves the last one forward
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

// size returns the size of the ring in bytes, and whether it has two or more
// entries.
func (c *channel) size() (bytes int, several bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ring.Bytes(), c.ring.Len() > 1
}
