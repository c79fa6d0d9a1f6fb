package history

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxNameBytes is the length of a name at most, in bytes: of a channel, a group,
// an identity that an event is for, or a once key.
const MaxNameBytes = 256

// NameFault says what keeps a text from being a name, or nothing.
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

// PrivateMark is what the name of a private channel begins with.
const PrivateMark = "~"

// After the mark come 26 characters of rand.Text, which are of this alphabet.
const (
	privateLength   = len(PrivateMark) + 26
	privateAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// IsPrivate reports whether a channel's name has the form of those that a stream
// makes for itself: Stream.PrivateChannel of package core. Such a channel never
// comes back once it is forgotten, so that a store has no client to tell of a gap
// there.
func IsPrivate(name string) bool {
	return len(name) == privateLength && strings.HasPrefix(name, PrivateMark) &&
		strings.Trim(name[len(PrivateMark):], privateAlphabet) == ""
}
