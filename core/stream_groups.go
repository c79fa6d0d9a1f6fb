package core

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidings-go/tidings/core/history"
)

// MaxGroups is the number of groups that a stream can be in at most.
const MaxGroups = 256

// Identity returns whom the stream belongs to, as a middleware has found out,
// or nothing.
func (s *Stream) Identity() string {
	if b := s.membership.Load(); b != nil {
		return b.identity
	}
	return ""
}

// SetIdentity says whom the stream belongs to. Events for that identity reach
// it from then on, see [ToIdentity], and [Hub.CloseIdentity] ends it.
func (s *Stream) SetIdentity(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.memberships()
	b.identity = strings.Clone(name)
	s.membership.Store(&b)
	if s.err == nil && s.handshake != nil && !s.handshake.change { // it is counted out once it has ended
		s.gate.hub.registerEarly(s)
	}
}

// Join puts the stream into groups, in which it may be already. Events for them
// on the stream's channels reach it from then on, those that it finds in
// history included; see [ToGroup]. What a client has passed already does not
// come back.
//
// The errors wrap [ErrGroupName], or [ErrTooLarge] if there would be more than
// [MaxGroups]. The stream is then in none of them that it was not in before.
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

// Leave takes the stream out of groups. When it returns, events for them are
// not sent to the stream any more; a write in progress may finish.
func (s *Stream) Leave(groups ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.memberships()
	b.groups = slices.DeleteFunc(slices.Clone(b.groups), func(name string) bool {
		return slices.Contains(groups, name)
	})
	s.membership.Store(&b)
}

// Groups returns the groups that the stream is in, in the order of their names.
// The caller owns the slice.
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

// memberships returns a copy of what the stream belongs to, to be changed. The
// caller holds s.mu.
func (s *Stream) memberships() membership {
	if b := s.membership.Load(); b != nil {
		return *b
	}
	return membership{}
}
