package core

// keyed is what an event is about, for those who get it: of several events, the
// latest counts.
type keyed struct {
	to  Audience
	key string
}

func (e *Entry) keyed() keyed { return keyed{e.To, e.Key} }

// supersede takes note of a new entry, where only the latest of each key
// counts. The caller holds c.mu.
func (c *channel) supersede(e *Entry) {
	if c.cfg.Slow != Conflate || e.Key == "" {
		return
	}
	if c.latest == nil {
		c.latest = make(map[keyed]*Entry)
	}
	if c.latest[e.keyed()] != nil {
		c.stale++
	}
	c.latest[e.keyed()] = e
}

// superseded reports whether there is a later entry that takes the place of e.
// The caller holds c.mu.
func (c *channel) superseded(e *Entry) bool {
	return c.latest != nil && e.Key != "" && c.latest[e.keyed()] != e
}

// shed makes the ring smaller, by what nobody needs if there is enough of it.
// The caller holds c.mu.
func (c *channel) shed() {
	// A quarter, so that looking at every entry pays.
	if c.stale == 0 || c.stale < c.ring.Len()/4 {
		c.drop()
		return
	}
	for range c.ring.Len() {
		if e := c.ring.Drop(); !c.superseded(e) {
			c.ring.Push(e)
		}
	}
	c.stale = 0
}

// drop drops the ring's oldest entry. The caller holds c.mu.
func (c *channel) drop() {
	e := c.ring.Drop()
	if c.superseded(e) {
		c.stale--
		return
	}
	if c.latest != nil && e.Key != "" {
		delete(c.latest, e.keyed())
	}
	c.gone = e.Position.Seq
}
