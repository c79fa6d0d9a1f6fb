package core

import (
	"crypto/rand"
	"fmt"

	"github.com/tidings-go/tidings/core/history"
)

// PrivateChannel makes a channel and returns its name, which cannot be guessed:
// it holds 128 random bits or more. Subscribe this stream, or others, or both,
// with a [Subscription] or AddChannels. The channel exists for as long as this
// stream or another one that is subscribed to it. When the last of them ends,
// the channel and its history are gone: to publish or to subscribe to it is
// then an error that wraps [ErrChannelGone]. A private channel belongs to the
// hub that made it; other hubs that share its store do not know it. No other
// channel can have a name of that form.
func (s *Stream) PrivateChannel() string {
	name := history.PrivateMark + rand.Text()
	h := s.gate.hub
	h.mu.Lock()
	c := h.newChannel(name) // also over the bound for all channels
	h.hold(c)
	h.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == stateFinished {
		h.detach([]*channel{c})
	} else {
		x := s.ensureRare()
		x.private = append(x.private, c)
	}
	return name
}

// exists returns an error if the name is that of a private channel that is
// gone. The caller holds h.mu.
func (h *Hub) exists(name string) error {
	if history.IsPrivate(name) && h.channels[name] == nil {
		return fmt.Errorf("%w: a private channel ends with its last stream", ErrChannelGone)
	}
	return nil
}

// checkOpen returns an error if the name is not valid for a channel, or is that
// of a private channel that is gone.
func (h *Hub) checkOpen(name string) error {
	if err := checkChannel(name); err != nil || !history.IsPrivate(name) {
		return err
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.exists(name)
}

// forgetIfGone drops what was published to a private channel while it ended.
func (h *Hub) forgetIfGone(name string) {
	if history.IsPrivate(name) && h.checkOpen(name) != nil {
		h.forgetPrivate(name)
	}
}

func (h *Hub) forgetPrivate(name string) {
	if err := h.store.Forget(h.life, name); err != nil && !h.isClosed() {
		h.logger.Error("history of a private channel not forgotten", "error", err)
	}
}
