package history

import (
	"fmt"
	"strings"
)

// Audience says who, of those who are subscribed to an event's channel, gets
// the event. The zero value is everybody. An audience never widens: whoever is
// not subscribed to the channel gets nothing, whatever group it is in; and a
// stream's filter is asked all the same. Audiences can be compared with ==.
//
// Whether a stream belongs to the audience is decided when the event is about
// to be sent, live or replayed: a stream that joins a group gets what it finds
// in history, and one that left it gets nothing more.
type Audience struct {
	text string // "", or one of the prefixes and a name
}

// What an audience's text begins with.
const (
	toGroup    = "group:"
	toStream   = "stream:"
	toIdentity = "identity:"
)

// ToGroup is the audience of the streams that are in a group. See
// Stream.Join of package core.
func ToGroup(name string) Audience { return Audience{toGroup + name} }

// ToStream is the audience of one stream, by its ID. A client that reconnects
// has a new stream: what must reach it all the same is for its identity.
func ToStream(id string) Audience { return Audience{toStream + id} }

// ToIdentity is the audience of the streams that belong to somebody. See
// Stream.SetIdentity of package core.
func ToIdentity(name string) Audience { return Audience{toIdentity + name} }

// ParseAudience returns the audience that String is the text of. A store that
// keeps texts reads them back with it.
func ParseAudience(text string) (Audience, error) {
	a := Audience{strings.Clone(text)}
	return a, a.Check()
}

// String returns a text for the audience: nothing for everybody, and a kind and
// a name otherwise.
func (a Audience) String() string { return a.text }

// Everybody reports whether the audience is everybody on the channel.
func (a Audience) Everybody() bool { return a.text == "" }

// Check returns an error that wraps ErrAudience if the audience cannot be one.
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

// Group returns the group that the audience is, and reports whether it is one.
func (a Audience) Group() (name string, ok bool) { return strings.CutPrefix(a.text, toGroup) }

// Stream returns the ID of the stream that the audience is, and reports whether
// it is one.
func (a Audience) Stream() (id string, ok bool) { return strings.CutPrefix(a.text, toStream) }

// Identity returns the identity that the audience is, and reports whether it is
// one.
func (a Audience) Identity() (name string, ok bool) { return strings.CutPrefix(a.text, toIdentity) }
