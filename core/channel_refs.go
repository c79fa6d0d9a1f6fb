package core

import (
	"fmt"

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
	gone, err := h.attachRest(names, channels)
	h.forgetAll(gone)
	if err != nil {
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

// attachRest acquires the channels that are nil. On an error, it releases all
// channels, and returns the names of the private channels that are removed with
// that.
func (h *Hub) attachRest(names []string, channels []*channel) (gone []string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, name := range names {
		if channels[i] != nil {
			continue
		}
		if err = h.exists(name); err != nil {
			break
		}
		if channels[i] = h.channel(name); channels[i] == nil {
			err = fmt.Errorf("%w: %d", ErrTooManyChannels, len(h.channels))
			break
		}
		if channels[i].full(channels[i].refs.Load()) {
			channels[i], err = nil, ErrChannelFull
			break
		}
		h.hold(channels[i])
	}
	if err == nil {
		return nil, nil
	}
	for _, c := range channels {
		if c != nil && h.release(c) {
			gone = append(gone, c.name)
		}
	}
	return gone, err
}

// detach releases channels, and drops those that have no references and no
// entries.
func (h *Hub) detach(channels []*channel) {
	if last := h.detachUsed(channels); len(last) > 0 {
		h.forgetAll(h.detachLast(last))
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

// detachLast releases channels, and returns the names of the private channels
// that are removed with that.
func (h *Hub) detachLast(channels []*channel) (gone []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range channels {
		if h.release(c) {
			gone = append(gone, c.name)
		}
	}
	return gone
}

// release releases a channel, and reports whether it was the last reference to
// a private channel, which is then removed. The caller holds h.mu for writing.
func (h *Hub) release(c *channel) (private bool) {
	if c.refs.Add(-1) > 0 {
		return false
	}
	h.ringBytes.Add(c.overhead())
	if history.IsPrivate(c.name) {
		delete(h.private, c.name)
		h.drop(c)
		return true
	}
	if !h.removeIfEmpty(c) {
		h.unused.Add(c, 0)
	}
	return false
}

// forgetAll drops the history of private channels that were removed.
func (h *Hub) forgetAll(gone []string) {
	for _, name := range gone {
		h.forgetPrivate(name)
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
