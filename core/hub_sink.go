package core

// hubSink is the side of the hub that its store sees.
type hubSink Hub

var _ Sink = (*hubSink)(nil)

// Deliver puts the entries in their rings, and marks their channels.
func (k *hubSink) Deliver(entries []*Entry) {
	h := (*Hub)(k)
	if len(entries) == 0 {
		return
	}
	if len(entries) > 1 || !h.deliverOne(entries[0]) {
		h.place(entries)
		h.head.Store(entries[len(entries)-1].Position.Seq)
		h.notifyShards(entries)
	}
	if h.ringBytes.Load() > h.ringLimit.Load() {
		h.enforceBudget()
	}
}

// deliverOne does for one entry what place and tell do for more, in one step. It
// reports whether the channel is there.
func (h *Hub) deliverOne(e *Entry) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	c := h.channels[e.Channel]
	if c == nil {
		return false
	}
	h.push(c, e)
	h.head.Store(e.Position.Seq)
	for s := range h.shards {
		h.shards[s].markDirty(c)
	}
	return true
}

// place pushes each entry onto its channel's ring. The read lock keeps
// channels from being dropped meanwhile.
func (h *Hub) place(entries []*Entry) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, e := range entries {
		c := h.channels[e.Channel]
		if c == nil {
			h.mu.RUnlock()
			h.placeNew(e)
			h.mu.RLock()
			continue
		}
		h.push(c, e)
	}
}

// placeNew makes a channel for an entry, and pushes it under the same lock:
// nothing drops a channel that has an entry. If there is no room for one more,
// the entry is in history only.
func (h *Hub) placeNew(e *Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.channel(e.Channel)
	if c == nil {
		h.base = max(h.base, e.Position.Seq)
		return
	}
	h.push(c, e)
	if c.refs.Load() == 0 {
		h.setSpare(c, true)
		h.unused.Add(c, e.Position.Seq)
	}
}

// notifyShards marks the entries' channels in the shards.
func (h *Hub) notifyShards(entries []*Entry) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for i, e := range entries {
		if i > 0 && e.Channel == entries[i-1].Channel {
			continue
		}
		if c := h.channels[e.Channel]; c != nil {
			for s := range h.shards {
				h.shards[s].markDirty(c)
			}
		}
	}
}

// Trimmed hides what history no longer has from new subscribers, and lets go of
// it where there are no others.
func (k *hubSink) Trimmed(name string, seq uint64) {
	h := (*Hub)(k)
	if h.hideThrough(name, seq) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if c := h.channels[name]; c != nil && c.refs.Load() == 0 {
			h.removeIfEmpty(c)
		}
	}
}

// hideThrough keeps new subscribers of a channel from what history no longer has. It
// reports whether nobody holds on to the channel and nothing of it is left. The
// read lock keeps subscribers from attaching meanwhile.
func (h *Hub) hideThrough(name string, seq uint64) (unused bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	c := h.channels[name]
	if c == nil {
		return false
	}
	delta, empty := c.hideThrough(seq, c.refs.Load() == 0)
	if delta != 0 {
		h.ringBytes.Add(int64(delta))
	}
	return empty
}
