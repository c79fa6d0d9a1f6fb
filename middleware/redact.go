package middleware

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// redacted stands where Redact has left something out.
const redacted = "(redacted)"

// maxText is the maximum length of a text that Redact returns, in bytes.
const maxText = 512

// rules are what Redact replaces, in this order. A rule is tried if the text, in
// lower case, has one of its signs, because expressions are slow.
//
//nolint:gochecknoglobals // Expressions are compiled once, and never changed.
var rules = []struct {
	signs  []string
	secret *regexp.Regexp
	by     string
}{
	{[]string{"@"}, regexp.MustCompile(`//[^/\s@"']+@`), "//" + redacted + "@"},
	{[]string{"?"}, regexp.MustCompile(`\?[^\s"'<>]+`), "?" + redacted},
	{
		[]string{"cookie", "authorization"},
		regexp.MustCompile(`(?i)\b((?:set-)?cookie|(?:proxy-)?authorization)(\s*[:=])[^\n]*`), "$1$2 " + redacted,
	},
	{[]string{"bearer", "basic"}, regexp.MustCompile(`(?i)\b(bearer|basic)\s+[\w.~+/=-]{4,}`), "$1 " + redacted},
	{
		[]string{"token", "secret", "passw", "api", "signature", "ticket", "credential"},
		regexp.MustCompile(`(?i)\b([\w-]*(?:token|secret|passwo?r?d|api[_-]?key|signature|ticket|credential)[\w-]*"?[:=]\s?"?)[^\s"',;&)]+`),
		"$1" + redacted,
	},
	{[]string{"eyj"}, regexp.MustCompile(`\beyJ[\w-]{5,}(?:\.[\w-]*){0,2}`), redacted},
}

// minOpaque is the length from which on a word may be a key, a token or a
// session's ID.
const minOpaque = 24

var opaque = regexp.MustCompile(`[A-Za-z0-9_+=-]{24,}`) // of minOpaque or more

// Redact returns a text without what looks like a secret, for logs and traces:
// the query and the user of a URL, the fields Cookie and Authorization, values
// that are named token, secret, password, key or the like, JSON Web Tokens, and
// words of 24 letters and digits or more, which may be keys. What is left is at
// most 512 bytes.
//
// It is a safety net for errors and paths that others write. It cannot know a
// short secret without a name, such as a PIN in a path.
func Redact(text string) string {
	lower := strings.ToLower(text)
	for _, rule := range rules {
		if slices.ContainsFunc(rule.signs, func(sign string) bool { return strings.Contains(lower, sign) }) {
			text = rule.secret.ReplaceAllString(text, rule.by)
		}
	}
	if hasLongWord(text) {
		text = opaque.ReplaceAllStringFunc(text, func(word string) string {
			if strings.ContainsFunc(word, unicode.IsDigit) && strings.ContainsFunc(word, unicode.IsLetter) {
				return redacted
			}
			return word
		})
	}
	if len(text) > maxText {
		return strings.ToValidUTF8(text[:maxText-len("…")], "") + "…"
	}
	return text
}

// hasLongWord reports whether opaque may match.
func hasLongWord(text string) bool {
	length := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c <= ' ', c == '/', c == '.', c == ':', c == '"':
			length = 0
		default:
			if length++; length >= minOpaque {
				return true
			}
		}
	}
	return false
}
