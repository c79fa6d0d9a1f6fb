package core

import (
	"fmt"
	"path"
	"slices"

	"github.com/tidings-go/tidings/core/history"
)

// Rights say which channels a stream may have: those that Channels names, and
// those that one of Patterns matches. The zero value allows none.
//
// Put names that hold a user's text into Channels: in a pattern, the text could
// match channels of others.
type Rights struct {
	// Channels are names of channels, 256 at most.
	Channels []string `json:"channels,omitempty"`
	// Patterns select channels by name, with the syntax of [path.Match]: "*"
	// matches any text without a slash. There may be 256 at most.
	Patterns []string `json:"patterns,omitempty"`
}

// Allow reports whether a stream with these rights may have a channel.
func (r Rights) Allow(channel string) bool {
	return slices.Contains(r.Channels, channel) ||
		slices.ContainsFunc(r.Patterns, func(p string) bool { return history.Matches(p, channel) })
}

// Check returns an error if there are too many channels or patterns, one is
// longer than [MaxChannelBytes], or a pattern is malformed: the error wraps
// [ErrTooLarge] or [path.ErrBadPattern].
func (r Rights) Check() error {
	for _, list := range [][]string{r.Channels, r.Patterns} {
		if len(list) > MaxChannels || slices.ContainsFunc(list, func(s string) bool { return len(s) > MaxChannelBytes }) {
			return fmt.Errorf("rights: %w", ErrTooLarge)
		}
	}
	for _, pattern := range r.Patterns {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("rights, pattern: %w", err)
		}
	}
	return nil
}

// clone returns a copy that shares no memory with the caller.
func (r Rights) clone() *Rights {
	return &Rights{Channels: cloneAll(r.Channels), Patterns: cloneAll(r.Patterns)}
}

// Restrict limits the stream to channels that its rights allow. The rights
// replace those of an earlier call, also while the stream is open: it then loses
// the channels that they do not allow, as with RemoveChannels, replayed events
// included. A stream that was never restricted may have any channel.
//
// A request for a stream with other channels is refused with status 403; from
// those of a session, see [Subscription], they are left out. ChangeChannels
// returns an error that wraps [ErrForbidden]. Channels that the stream has made
// with PrivateChannel are always allowed. For a request that changes the
// channels of another stream, its own rights count, and those of that stream.
//
// The error is that of [Rights.Check]; the rights have not changed then.
func (s *Stream) Restrict(r Rights) error {
	if err := r.Check(); err != nil {
		return err
	}
	s.mu.Lock()
	b := s.memberships()
	b.rights = r.clone()
	s.membership.Store(&b)
	s.mu.Unlock()
	s.enforceRights()
	return nil
}

// enforceRights removes the channels of an open stream that its rights do not
// allow. A stream that opens does it again.
func (s *Stream) enforceRights() {
	s.mu.Lock()
	var lost []string
	if s.fixed() == nil {
		lost = s.forbidden(s.wanted())
	}
	s.mu.Unlock()
	if len(lost) > 0 {
		_ = s.RemoveChannels(lost...) // it fails on a stream that has ended
	}
}

// forbidden returns the names of the channels that the stream's rights do not
// allow. The caller holds s.mu.
func (s *Stream) forbidden(channels []*channel) (names []string) {
	for _, c := range channels {
		if !s.allows(c.name) {
			names = append(names, c.name)
		}
	}
	return names
}

// allows reports whether the stream's rights allow a channel. The caller holds
// s.mu.
func (s *Stream) allows(name string) bool {
	rights := s.memberships().rights
	return rights == nil || rights.Allow(name) ||
		slices.ContainsFunc(s.rareCopy().private, func(c *channel) bool { return c.name == name })
}

// permit returns nil if the stream's rights allow the channels of a
// subscription. It leaves out those of a session that they do not allow.
func (s *Stream) permit(sub *Subscription) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub.fromSession {
		sub.Channels = slices.DeleteFunc(sub.Channels, func(name string) bool { return !s.allows(name) })
		return nil
	}
	return s.permits(sub.Channels)
}

// permits returns an error that wraps ErrForbidden if the stream's rights do not
// allow one of the channels. The caller holds s.mu.
func (s *Stream) permits(names []string) error {
	if slices.ContainsFunc(names, func(name string) bool { return !s.allows(name) }) {
		return ErrForbidden
	}
	return nil
}
