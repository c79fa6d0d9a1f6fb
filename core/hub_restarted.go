package core

import "github.com/tidings-go/tidings/core/history"

var _ history.EpochSink = (*hubSink)(nil)

// Restarted makes the hub go on in another epoch. If entries are lost, it drops
// all rings, so that every subscriber finds a gap, and is told of it at once.
func (k *hubSink) Restarted(at Position, lost bool) {
	h := (*Hub)(k)
	h.mu.Lock()
	defer h.mu.Unlock()
	// A position that is made of the new head must not have the old epoch.
	h.epoch.Store(at.Epoch)
	if !lost {
		h.head.Store(at.Seq)
		return
	}
	h.lost.Store(at.Seq)
	h.base = max(h.base, at.Seq)
	for _, c := range h.channels {
		h.ringBytes.Add(int64(c.dropThrough(at.Seq)))
	}
	h.head.Store(at.Seq)
	for _, c := range h.channels {
		for s := range h.shards {
			h.shards[s].markDirty(c)
		}
		if c.refs.Load() == 0 {
			h.removeIfEmpty(c)
		}
	}
}

// dropThrough drops the channel's entries up to seq, and makes those that read
// them find a gap. It returns the change of the ring's size in bytes.
func (c *channel) dropThrough(seq uint64) (delta int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.ring.Bytes()
	for c.ring.Len() > 0 && c.ring.At(0).Position.Seq <= seq {
		c.dropOldest()
	}
	c.gone = max(c.gone, seq)
	return c.ring.Bytes() - before
}
