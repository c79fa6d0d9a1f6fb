package core

import (
	"slices"

	"github.com/tidings-go/tidings/core/history"
)

// A reference to a channel keeps the channel's ring: the ring gets all entries
// that are delivered from then on. Taking the first reference and releasing the
// last one needs the write lock of the hub's mu. All other changes need the
// read lock only, so that clients that come and go do not block publishers.

// attach acquires a reference to each channel. The error wraps ErrChannelGone,
// ErrChannelFull or ErrTooManyChannels.
func (h *Hub) attach(names []string) ([]*channel, error) {
	channels := make([]*channel, len(names))
	if h.attachUsed(names, channels) {
		return channels, nil
	}
	if err := h.attachRest(names, channels); err != nil {
		h.detach(slices.DeleteFunc(channels, func(c *channel) bool { return c == nil }))
		return nil, err
	}
	return channels, nil
}

// attachUsed acquires the channels that have a reference already, and reports
// whether these are all.
func (h *Hub) attachUsed(names []string, channels []*channel) (all bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	all = true
	for i, name := range names {
		if c := h.channels[name]; c != nil && c.tryAcquire() {
			channels[i] = c
		} else {
			all = false
		}
	}
	return all
}

// attachRest acquires the channels that are nil. On an error, those that it has
// not acquired are nil.
func (h *Hub) attachRest(names []string, channels []*channel) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, name := range names {
		if channels[i] != nil {
			continue
		}
		c, err := h.channel(name)
		if err != nil {
			return err
		}
		if c.full(c.refs.Load()) {
			return ErrChannelFull
		}
		h.hold(c)
		channels[i] = c
	}
	return nil
}

// detach releases channels. It does not wait for the store.
func (h *Hub) detach(channels []*channel) {
	last := h.detachUsed(channels)
	if len(last) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range last {
		h.release(c)
	}
}

// detachUsed releases the channels that keep another reference, and returns the
// rest.
func (h *Hub) detachUsed(channels []*channel) (last []*channel) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, c := range channels {
		if !c.tryRelease() {
			last = append(last, c)
		}
	}
	return last
}

// release releases a channel. With the last reference, it drops a private
// channel with its history, and another one that has no entries. The caller
// holds h.mu for writing.
func (h *Hub) release(c *channel) {
	if c.refs.Add(-1) > 0 {
		return
	}
	h.ringBytes.Add(c.overhead())
	switch {
	case history.IsPrivate(c.name):
		h.drop(c)
		h.finisher.add(func() { h.forgetPrivate(c.name) })
	case !h.removeIfEmpty(c):
		h.unused.Add(c, 0)
	}
}

// full reports whether a channel with n references has as many subscribers as its
// configuration allows.
func (c *channel) full(n int64) bool {
	return c.cfg.MaxSubscribers > 0 && n >= int64(c.cfg.MaxSubscribers)
}

// tryAcquire acquires a reference if the channel has one already, and room.
func (c *channel) tryAcquire() bool {
	for n := c.refs.Load(); n > 0 && !c.full(n); n = c.refs.Load() {
		if c.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

// tryRelease releases a reference unless it is the last one.
func (c *channel) tryRelease() bool {
	for n := c.refs.Load(); n > 1; n = c.refs.Load() {
		if c.refs.CompareAndSwap(n, n-1) {
			return true
		}
	}
	return false
}
