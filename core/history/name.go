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
