package history

import (
	"fmt"
	"strings"
)

// Audience selects which of the streams that are subscribed to an event's
// channel get the event. The zero value selects all of them. An audience never
// widens: a stream that is not subscribed to the channel gets nothing, whatever
// group it is in, and a stream's filter applies as well. Audiences can be
// compared with ==.
//
// The hub decides whether a stream belongs to the audience right before it
// sends the event, live or replayed: a stream that joins a group gets the
// group's events in history, and a stream that has left the group gets no more
// of them.
type Audience struct {
	text string // "", or one of the prefixes followed by a name
}

// Prefixes of an audience's text.
const (
	toGroup    = "group:"
	toStream   = "stream:"
	toIdentity = "identity:"
)

// ToGroup returns the audience of the streams in a group. See Stream.Join of
// package core.
func ToGroup(name string) Audience { return Audience{toGroup + name} }

// ToStream returns the audience of one stream, by its ID. A client that
// reconnects has a new stream: for events that must reach it all the same, use
// ToIdentity.
func ToStream(id string) Audience { return Audience{toStream + id} }

// ToIdentity returns the audience of the streams of an identity. See
// Stream.SetIdentity of package core.
func ToIdentity(name string) Audience { return Audience{toIdentity + name} }

// ParseAudience returns the audience whose String is text. A store that keeps
// audiences as text restores them with it. The error wraps ErrAudience.
func ParseAudience(text string) (Audience, error) {
	a := Audience{strings.Clone(text)}
	return a, a.Check()
}

// String returns the audience as text: empty for Everybody, otherwise a kind
// and a name.
func (a Audience) String() string { return a.text }

// Everybody reports whether the audience is the zero value: all streams that
// are subscribed to the channel.
func (a Audience) Everybody() bool { return a.text == "" }

// Check returns an error that wraps ErrAudience if the audience is not valid.
func (a Audience) Check() error {
	if a.text == "" {
		return nil
	}
	for _, prefix := range []string{toGroup, toStream, toIdentity} {
		name, ok := strings.CutPrefix(a.text, prefix)
		if !ok {
			continue
		}
		if fault := NameFault(name); fault != "" {
			return fmt.Errorf("%w: %s%s", ErrAudience, prefix, fault)
		}
		return nil
	}
	return fmt.Errorf("%w: of no known kind", ErrAudience)
}

// Group returns the name of the group, and reports whether the audience is a
// group.
func (a Audience) Group() (name string, ok bool) { return strings.CutPrefix(a.text, toGroup) }

// Stream returns the ID of the stream, and reports whether the audience is a
// single stream.
func (a Audience) Stream() (id string, ok bool) { return strings.CutPrefix(a.text, toStream) }

// Identity returns the identity, and reports whether the audience is an
// identity.
func (a Audience) Identity() (name string, ok bool) { return strings.CutPrefix(a.text, toIdentity) }
