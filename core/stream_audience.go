package core

import (
	"encoding/hex"
	"slices"
)

// membership holds the identity and the groups of a stream, which decide the
// audiences that it is in, and its rights. It is immutable: a stream that joins a
// group gets a new one.
type membership struct {
	identity string
	groups   []string // sorted
	rights   *Rights  // or nil: any channel
}

// inAudience reports whether the stream is in the audience.
func (s *Stream) inAudience(a Audience) bool {
	if a.Everybody() {
		return true
	}
	if id, ok := a.Stream(); ok {
		var own [2 * len(s.key)]byte
		hex.Encode(own[:], s.key[:])
		return id == string(own[:])
	}
	b := s.membership.Load()
	if b == nil {
		return false
	}
	if group, ok := a.Group(); ok {
		_, in := slices.BinarySearch(b.groups, group)
		return in
	}
	name, ok := a.Identity()
	return ok && name != "" && name == b.identity
}
