package core

import "github.com/tidings-go/tidings/core/history"

// supersede records a new entry, if the channel's policy is Conflate. The
// caller holds c.mu.
func (c *channel) supersede(e *Entry) {
	if c.cfg.Slow != Conflate || e.Key == "" {
		return
	}
	if c.latest == nil {
		c.latest = make(map[history.Subject]*Entry)
	}
	if older := c.latest[e.Subject()]; older != nil {
		c.stale++
		c.staleBytes += older.Size()
	}
	c.latest[e.Subject()] = e
}

// superseded reports whether a newer entry takes the place of e. The caller
// holds c.mu.
func (c *channel) superseded(e *Entry) bool {
	return c.latest != nil && e.Key != "" && c.latest[e.Subject()] != e
}

// conflated returns how many entries after seq, up to and including head, newer
// ones have taken the place of.
func (c *channel) conflated(seq, head uint64) (n int) {
	if c.cfg.Slow != Conflate {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stale == 0 {
		return 0
	}
	for i := c.ring.After(seq); i < c.ring.Len() && c.ring.At(i).Position.Seq <= head; i++ {
		if c.superseded(c.ring.At(i)) {
			n++
		}
	}
	return n
}

// shrink makes a ring smaller that is above its bounds, and reports whether it
// did. It drops superseded entries first, all at once, when there are enough of
// them to be worth it: until then, the ring may exceed its bounds by their
// number and size. The caller holds c.mu.
func (c *channel) shrink() bool {
	switch {
	case c.stale == 0:
	case c.stale >= c.ring.Len()/4 || c.staleBytes >= c.cfg.RingBytes/4:
		c.dropSuperseded()
		return true
	case c.ring.Len()-c.stale <= c.cfg.RingEvents && c.ring.Bytes()-c.staleBytes <= c.cfg.RingBytes:
		return false
	}
	c.dropOldest()
	return true
}

// dropSuperseded drops all superseded entries. The caller holds c.mu.
func (c *channel) dropSuperseded() {
	for range c.ring.Len() {
		if e := c.ring.Drop(); !c.superseded(e) {
			c.ring.Push(e)
		}
	}
	c.stale, c.staleBytes = 0, 0
}

// dropOldest drops the ring's oldest entry. The caller holds c.mu.
func (c *channel) dropOldest() {
	e := c.ring.Drop()
	if c.superseded(e) {
		c.stale--
		c.staleBytes -= e.Size()
		return
	}
	if c.latest != nil && e.Key != "" {
		delete(c.latest, e.Subject())
	}
	c.gone = e.Position.Seq
}
