package core

import (
	"cmp"
	"slices"
	"strings"
)

// channel returns the channel of that name, a new one if need be. The caller
// holds h.mu.
func (h *Hub) channel(name string) *channel {
	c := h.channels[name]
	if c == nil {
		name = strings.Clone(name)
		c = &channel{name: name, cfg: h.cfg.channel(name), gone: h.base, shards: make([]interest, len(h.shards))}
		h.channels[name] = c
		h.ringBytes.Add(c.overhead())
	}
	return c
}

// tidy lets go of what history no longer has of a channel that nobody holds on
// to, and drops the channel if nothing is left. It reports whether it did. The
// caller holds h.mu.
func (h *Hub) tidy(c *channel) (dropped bool) {
	delta, empty := c.release()
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
	if !isPrivate(c.name) { // one that is gone does not come back
		h.base = max(h.base, newest)
	}
	left := h.ringBytes.Add(-(int64(bytes) + c.overhead()))
	delete(h.channels, c.name)
	h.unused.remove(c)
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
		c.compact()
	}
	for c.ring.Len() > keep {
		c.drop()
	}
	return c.ring.Bytes() - before
}

// reclaim makes rings smaller until there is room again. See
// HubConfig.TotalRingBytes for the order.
func (h *Hub) reclaim() {
	h.mu.Lock()
	defer h.mu.Unlock()
	limit := int64(h.cfg.TotalRingBytes)
	h.ringLimit.Store(limit)
	for h.ringBytes.Load() > limit {
		c, ok := h.unused.first((*channel).newest)
		if !ok {
			h.halveUsed(limit - limit/16)
			// Not again at every event, if that is all there is to win.
			h.ringLimit.Store(max(limit, h.ringBytes.Load()+limit/16))
			return
		}
		if c.refs.Load() > 0 {
			h.unused.remove(c) // until it is let go of
			continue
		}
		h.drop(c)
	}
}

// halveUsed makes the largest rings smaller until there is room: some more than
// needed, as it looks at every channel. The caller holds h.mu.
func (h *Hub) halveUsed(room int64) {
	type sized struct {
		*channel

		bytes int
		done  bool
	}
	used := make([]sized, 0, len(h.channels))
	for _, c := range h.channels {
		_, bytes := c.extent()
		used = append(used, sized{channel: c, bytes: bytes})
	}
	for h.ringBytes.Load() > room && len(used) > 0 {
		slices.SortFunc(used, func(a, b sized) int { return cmp.Compare(b.bytes, a.bytes) })
		// All those as large as half the largest, at once.
		large := used[0].bytes / 2
		for i := range used {
			if h.ringBytes.Load() <= room || used[i].bytes < large {
				break
			}
			delta := used[i].halve()
			h.ringBytes.Add(int64(delta))
			used[i].bytes += delta
			used[i].done = delta == 0 // it holds its newest entry only
		}
		used = slices.DeleteFunc(used, func(s sized) bool { return s.done })
	}
}
