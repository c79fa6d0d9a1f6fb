package core

import (
	"fmt"

	"github.com/tidings-go/tidings/core/history"
)

// Whoever holds on to a channel keeps its ring: it has all that is delivered
// from then on. The first to take hold of a channel and the last to let go of it
// do so under the write lock of the hub's mu. All others need the read lock
// only, so that clients who come and go do not keep publishers waiting.

// attach takes hold of channels. The error wraps ErrChannelGone or
// ErrTooManyChannels.
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

// attachUsed takes hold of those of the channels that others hold on to, and
// reports whether these are all.
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

// attachRest takes hold of the channels that are nil. If one of them is gone, it
// lets go of the others, and returns the names of the private ones that are gone
// with that.
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

// detach lets go of channels, and drops those that nothing is left of.
func (h *Hub) detach(channels []*channel) {
	if last := h.detachUsed(channels); len(last) > 0 {
		h.forgetAll(h.detachLast(last))
	}
}

// detachUsed lets go of those of the channels that others hold on to, and
// returns the rest.
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

// detachLast lets go of channels, and returns the names of the private ones that
// are gone with that.
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

// release lets go of a channel, and reports whether it is a private one that is
// gone with that. The caller holds h.mu.
func (h *Hub) release(c *channel) (private bool) {
	if c.refs.Add(-1) > 0 {
		return false
	}
	h.setSpare(c, true)
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

// forgetAll drops the history of private channels that are gone.
func (h *Hub) forgetAll(gone []string) {
	for _, name := range gone {
		h.forgetPrivate(name)
	}
}

// tryAcquire takes hold of a channel if somebody else does.
func (c *channel) tryAcquire() bool {
	for n := c.refs.Load(); n > 0; n = c.refs.Load() {
		if c.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

// tryRelease lets go of a channel if somebody else does not.
func (c *channel) tryRelease() bool {
	for n := c.refs.Load(); n > 1; n = c.refs.Load() {
		if c.refs.CompareAndSwap(n, n-1) {
			return true
		}
	}
	return false
}
