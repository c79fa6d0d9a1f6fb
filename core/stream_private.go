package core

import (
	"crypto/rand"
	"fmt"

	"github.com/tidings-go/tidings/core/history"
)

// PrivateChannel makes a channel with a name that cannot be guessed, of 128
// random bits or more, for whomever the name is told. Subscribe the stream to
// it, or others, or both, with a [Subscription] or AddChannels. The channel is
// there for as long as the stream, or another one that is subscribed to it.
// With the last of them it is gone, with its history: to publish to it then, or
// to subscribe, is an error that wraps [ErrChannelGone]. A private channel
// belongs to the hub where it was made, and is not known to others that share
// its store. No other channel can have a name of that form.
func (s *Stream) PrivateChannel() string {
	name := history.PrivateMark + rand.Text()
	h := s.gate.hub
	h.mu.Lock()
	h.private[name] = struct{}{}
	c := h.channel(name)
	h.hold(c)
	h.mu.Unlock()
	s.mu.Lock()
	over := s.finished
	if !over {
		x := s.ensureRare()
		x.private = append(x.private, c)
	}
	s.mu.Unlock()
	if over {
		h.detach([]*channel{c})
	}
	return name
}

// exists returns an error if the name is that of a private channel that is
// gone. The caller holds h.mu.
func (h *Hub) exists(name string) error {
	if !history.IsPrivate(name) {
		return nil
	}
	if _, ok := h.private[name]; !ok {
		return fmt.Errorf("%w: a private channel ends with its last stream", ErrChannelGone)
	}
	return nil
}

// checkOpen returns an error if the name cannot be a channel's, or is that of a
// private channel that is gone.
func (h *Hub) checkOpen(name string) error {
	if err := checkChannel(name); err != nil || !history.IsPrivate(name) {
		return err
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.exists(name)
}

// forgetIfGone drops what was published to a private channel while it went.
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
