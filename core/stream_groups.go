package core

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidings-go/tidings/core/history"
)

// MaxGroups is the maximum number of groups that a stream is in.
const MaxGroups = 256

// Identity returns the identity of the stream's user that a middleware set with
// SetIdentity, or the empty string.
func (s *Stream) Identity() string {
	if b := s.membership.Load(); b != nil {
		return b.identity
	}
	return ""
}

// SetIdentity sets the identity of the user that the stream belongs to. Events
// for that identity reach the stream from then on, see [ToIdentity], and
// [Hub.CloseIdentity] ends it. If the identity is revoked, the stream ends: see
// [Hub.Revoke].
func (s *Stream) SetIdentity(name string) {
	s.mu.Lock()
	b := s.memberships()
	b.identity = strings.Clone(name)
	s.membership.Store(&b)
	if s.err == nil && s.handshake != nil && !s.handshake.answers { // the hub unregisters it when it has ended
		s.gate.hub.registerEarly(s)
	}
	s.mu.Unlock()
	if s.gate.hub.isRevoked(name) {
		s.endTold(ErrRevoked, "revoked")
	}
}

// Join puts the stream into groups; it may be in some of them already. From
// then on, events for these groups on the stream's channels reach it, also
// those in history; see [ToGroup]. Events that the client has already passed do
// not come back.
//
// The errors wrap [ErrGroupName], or [ErrTooLarge] if the stream would be in
// more than [MaxGroups]. After an error, its groups have not changed.
func (s *Stream) Join(groups ...string) error {
	for _, name := range groups {
		if fault := history.NameFault(name); fault != "" {
			return fmt.Errorf("%w: %s", ErrGroupName, fault)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.memberships()
	b.groups = slices.Clone(b.groups)
	for _, name := range groups {
		b.groups = append(b.groups, strings.Clone(name)) // frameworks lend strings
	}
	slices.Sort(b.groups)
	b.groups = slices.Compact(b.groups)
	if len(b.groups) > MaxGroups {
		return fmt.Errorf("%w: more than %d groups", ErrTooLarge, MaxGroups)
	}
	s.membership.Store(&b)
	return nil
}

// Leave removes the stream from groups. When it returns, events for them are no
// longer sent to the stream; a write in progress may finish.
func (s *Stream) Leave(groups ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.memberships()
	b.groups = slices.DeleteFunc(slices.Clone(b.groups), func(name string) bool {
		return slices.Contains(groups, name)
	})
	s.membership.Store(&b)
}

// Groups returns the sorted names of the stream's groups. The caller owns the
// slice.
func (s *Stream) Groups() []string {
	if b := s.membership.Load(); b != nil {
		return slices.Clone(b.groups)
	}
	return nil
}

// InGroup reports whether the stream is in a group.
func (s *Stream) InGroup(name string) bool {
	b := s.membership.Load()
	if b == nil {
		return false
	}
	_, in := slices.BinarySearch(b.groups, name)
	return in
}

// memberships returns a copy of the stream's membership, to be changed. The
// caller holds s.mu.
func (s *Stream) memberships() membership {
	if b := s.membership.Load(); b != nil {
		return *b
	}
	return membership{}
}
