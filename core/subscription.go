package core

import "strings"

// Start says where a subscription begins when the client brings no last event
// ID, and where it goes on after a gap. The zero value is [Live].
//
// Start is no permission: a client that makes up a last event ID reads all that
// is kept of its channels, whatever the Start. What a client may not read of a
// channel's past takes another channel, an audience or a filter.
type Start struct {
	from from
	n    int
}

type from uint8

const (
	fromNow from = iota
	fromOldest
	fromTail
	fromSnapshot
)

// Live starts with what is published from now on.
func Live() Start { return Start{} }

// Earliest starts with the oldest event kept.
func Earliest() Start { return Start{from: fromOldest} }

// Last starts with the newest n events kept. Last of 0 or less is [Live].
func Last(n int) Start {
	if n <= 0 {
		return Start{}
	}
	return Start{from: fromTail, n: n}
}

// Snapshot starts with the newest event kept of each [Event] Key on each
// channel, in the order in which they were published.
func Snapshot() Start { return Start{from: fromSnapshot} }

// Subscription says what a subscriber gets.
type Subscription struct {
	// Channels are the channels' names. What is published to any of them is
	// delivered in the one order of the hub. Naming one twice is the same as
	// once. At least one is needed, at most [MaxChannels] are allowed.
	Channels []string
	// Start says where to begin without an ID to go on after. Default: [Live];
	// at an endpoint, the gate's Start. It is no permission: see [Start].
	Start Start
	// After is the ID to go on after. Default: none; at an endpoint, the
	// client's last event ID, which may be made up.
	After string
	// SessionKey, at an endpoint, names the client's session: a random text in a
	// query parameter, say. Once channels were added to a stream of the session or
	// removed, the next stream with the same key and identity has the channels
	// that the stream had, rather than Channels, so that a client that lost its
	// connection resumes on all of them. See HubConfig.SessionTTL. Streams without
	// an identity share their keys: choose keys that cannot be guessed. Whether the
	// stream may still have the channels, the endpoint can say with a filter, or by
	// removing some when it has opened. Private channels that a stream has made
	// itself are not kept: the next stream makes its own, and has them in any case.
	// A key follows the rules of a channel's name; for another one, the stream is
	// refused with 400. Default: no session.
	SessionKey string

	fromSession bool // Channels are those that are remembered; there may be none
	// skipThrough are up to where those that are remembered are not to be delivered.
	skipThrough map[string]uint64
}

// owned returns a copy that shares no memory with what the caller may change:
// frameworks lend strings until a request is over.
func (sub Subscription) owned() Subscription {
	sub.Channels = cloneAll(sub.Channels)
	sub.After, sub.SessionKey = strings.Clone(sub.After), strings.Clone(sub.SessionKey)
	return sub
}

// cloneAll returns a copy of a list and of each of its strings.
func cloneAll(list []string) []string {
	clones := make([]string, len(list))
	for i, s := range list {
		clones[i] = strings.Clone(s)
	}
	return clones
}
