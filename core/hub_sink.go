package core

import (
	"errors"

	"github.com/tidings-go/tidings/core/history"
)

// hubSink is the hub as its store sees it.
type hubSink Hub

var _ Sink = (*hubSink)(nil)

// Deliver pushes the entries onto the rings of their channels, and marks the
// channels dirty in the shards. The store calls it, one call at a time.
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
	h.checkBudget()
}

// deliverOne does what place and notifyShards do, in one step, for a single
// entry. It reports whether the channel exists.
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

// place pushes each entry onto its channel's ring. The read lock keeps the
// channels from being dropped meanwhile.
func (h *Hub) place(entries []*Entry) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, e := range entries {
		c := h.channels[e.Channel]
		if c == nil {
			if history.IsControl(e.Channel) {
				continue // it is for the machines, not for subscribers
			}
			h.mu.RUnlock()
			h.placeNew(e)
			h.mu.RLock()
			continue
		}
		h.push(c, e)
	}
}

// placeNew makes a channel for an entry and pushes the entry under the same
// lock, so that the channel is not dropped in between. If the channel cannot be
// made, the entry is in history only.
func (h *Hub) placeNew(e *Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, err := h.channel(e.Channel)
	switch {
	case err == nil:
		h.push(c, e)
	case errors.Is(err, ErrTooManyChannels): // a private channel is never made again
		h.base = max(h.base, e.Position.Seq)
	}
}

// notifyShards marks the entries' channels dirty in all shards.
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

// Trimmed hides entries that history no longer has from new subscribers. If the
// channel has no references, it also drops them from the ring.
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

// hideThrough hides entries of a channel that history no longer has from new
// subscribers. It reports whether the channel has no references and an empty
// ring. The read lock keeps a channel without references from being attached
// meanwhile.
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
