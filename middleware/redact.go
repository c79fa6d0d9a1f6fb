package middleware

import (
	"regexp"
	"strings"
	"unicode"
)

// redacted stands where Redact has left something out.
const redacted = "(redacted)"

// maxText is the maximum length of a text that Redact returns, in bytes.
const maxText = 512

// rules are what Redact replaces, in this order.
//
//nolint:gochecknoglobals // Expressions are compiled once, and never changed.
var rules = []struct {
	secret *regexp.Regexp
	by     string
}{
	{regexp.MustCompile(`//[^/\s@"']+@`), "//" + redacted + "@"},
	{regexp.MustCompile(`\?[^\s"'<>]+`), "?" + redacted},
	{regexp.MustCompile(`(?i)\b((?:set-)?cookie|(?:proxy-)?authorization)(\s*[:=])[^\n]*`), "$1$2 " + redacted},
	{regexp.MustCompile(`(?i)\b(bearer|basic)\s+[\w.~+/=-]{4,}`), "$1 " + redacted},
	{regexp.MustCompile(`(?i)\b([\w-]*(?:token|secret|passwo?r?d|api[_-]?key|signature|ticket|credential)[\w-]*"?[:=]\s?"?)[^\s"',;&)]+`), "$1" + redacted},
	{regexp.MustCompile(`\beyJ[\w-]{5,}(?:\.[\w-]*){0,2}`), redacted},
}

// opaque is a word that may be a key, a token or a session's ID.
var opaque = regexp.MustCompile(`[A-Za-z0-9_+=-]{24,}`) //nolint:gochecknoglobals // The same.

// Redact returns a text without what looks like a secret, for logs and traces:
// the query and the user of a URL, the fields Cookie and Authorization, values
// that are named token, secret, password, key or the like, JSON Web Tokens, and
// words of 24 letters and digits or more, which may be keys. What is left is at
// most 512 bytes.
//
// It is a safety net for errors and paths that others write. It cannot know a
// short secret without a name, such as a PIN in a path.
func Redact(text string) string {
	for _, rule := range rules {
		text = rule.secret.ReplaceAllString(text, rule.by)
	}
	text = opaque.ReplaceAllStringFunc(text, func(word string) string {
		if strings.ContainsFunc(word, unicode.IsDigit) && strings.ContainsFunc(word, unicode.IsLetter) {
			return redacted
		}
		return word
	})
	if len(text) > maxText {
		return strings.ToValidUTF8(text[:maxText-len("…")], "") + "…"
	}
	return text
}
