package core

import "strings"

// Start says where a subscription begins if the client sends no last event ID,
// and where it continues after a gap. The zero value is [Live].
//
// Start is no permission: a client that makes up a last event ID reads all that
// is kept of its channels, whatever the Start. To keep a client from reading a
// part of a channel's past, use another channel, an audience or a filter.
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

// Live begins with events that are published from now on.
func Live() Start { return Start{} }

// Earliest begins with the oldest event kept.
func Earliest() Start { return Start{from: fromOldest} }

// Last begins with the newest n events kept. For n of 0 or less, it is [Live].
func Last(n int) Start {
	if n <= 0 {
		return Start{}
	}
	return Start{from: fromTail, n: n}
}

// Snapshot begins with the newest event kept for each [Event] Key on each
// channel, in the order in which they were published.
func Snapshot() Start { return Start{from: fromSnapshot} }

// Subscription says which events a subscriber gets.
type Subscription struct {
	// Channels are the names of the channels. Their events are delivered in the
	// one order of the hub. Duplicates have no effect. At least one channel is
	// needed, at most [MaxChannels] are allowed.
	Channels []string
	// Start says where to begin if After is empty. Default: [Live]; at an
	// endpoint, the gate's Start. It is no permission: see [Start].
	Start Start
	// After is the ID of the event to resume after. Default: none; at an endpoint,
	// the client's last event ID, which the client may have made up.
	After string
	// SessionKey, at an endpoint, names the client's session: for example a random
	// text in a query parameter. Once channels have been added to or removed from
	// a stream of the session, the next stream with the same key and identity gets
	// the channels of that stream instead of Channels. A client that lost its
	// connection thus resumes on all of its channels. See HubConfig.SessionTTL.
	//
	// Streams without an identity share their keys: choose keys that cannot be
	// guessed. If the stream may no longer have some of the channels, the endpoint
	// can set a filter, or remove channels after the stream has opened. Private
	// channels that a stream has made itself are not kept: the next stream makes
	// its own, and has them in any case. The key follows the rules of a channel's
	// name; a stream with another key is refused with 400. Default: no session.
	SessionKey string

	fromSession bool // Channels comes from a session, and may be empty
	// skipThrough holds the sequence numbers up to which entries of the session's
	// channels are not delivered, by name.
	skipThrough map[string]uint64
}

// owned returns a copy that shares no memory with the caller: frameworks reuse
// the memory of strings when a request is over.
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
