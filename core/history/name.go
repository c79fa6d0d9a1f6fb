package history

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxNameBytes is the maximum length of a name in bytes: of a channel, a group,
// an identity in an audience, or an idempotency key.
const MaxNameBytes = 256

// NameFault returns the reason why a text is not a valid name, or "".
func NameFault(name string) string {
	switch {
	case name == "":
		return "empty"
	case len(name) > MaxNameBytes:
		return fmt.Sprintf("longer than %d bytes", MaxNameBytes)
	case !utf8.ValidString(name):
		return "not UTF-8"
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return "control character"
		}
	}
	return ""
}

// ControlMark begins the names of control channels, on which the machines that
// share a store talk to each other. No stream is subscribed to one, and an app
// cannot publish to one: a hub refuses the names. A store keeps them as it keeps
// other channels, with a [Retention] of their own.
const ControlMark = "~tidings/"

// Control channels.
const (
	// ControlNodes is the channel of what nodes say of themselves, and ask each
	// other.
	ControlNodes = ControlMark + "nodes"
	// ControlRevoked is the channel of revoked identities: of each, the newest entry
	// holds. The identity is the key.
	ControlRevoked = ControlMark + "revoked"
	// ControlTickets is the channel of tickets that were redeemed: their IDs are once
	// keys.
	ControlTickets = ControlMark + "tickets"
)

// IsControl reports whether a name is that of a control channel.
func IsControl(name string) bool { return strings.HasPrefix(name, ControlMark) }

// PrivateMark is the first character of a private channel's name.
const PrivateMark = "~"

// The mark is followed by 26 characters of rand.Text, which uses this alphabet.
const (
	privateLength   = len(PrivateMark) + 26
	privateAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// IsPrivate reports whether a name has the form of a private channel's name,
// which Stream.PrivateChannel of package core makes. A private channel never
// exists again once it is forgotten, so that no client can come back to a gap
// in it.
func IsPrivate(name string) bool {
	return len(name) == privateLength && strings.HasPrefix(name, PrivateMark) &&
		strings.Trim(name[len(PrivateMark):], privateAlphabet) == ""
}
