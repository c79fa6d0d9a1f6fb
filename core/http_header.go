package core

import (
	"net/http"
	"strings"
)

// sendable returns a copy of header fields that is safe on the wire with any
// server. It omits names that are not tokens, and the fields that frame the
// body, which are the server's (RFC 9112, section 6). Line breaks and NUL in
// values, which would begin another field or the body, become spaces (RFC 9110,
// section 5.5).
func sendable(fields http.Header) http.Header {
	clean := make(http.Header, len(fields))
	for name, values := range fields {
		name = http.CanonicalHeaderKey(name)
		if !isToken(name) || framesBody(name) {
			continue
		}
		for _, value := range values {
			clean[name] = append(clean[name], strings.Trim(strings.Map(unbroken, value), " \t"))
		}
	}
	return clean
}

// unbroken returns a space for a character that would end a field's value, and
// any other character as it is.
func unbroken(r rune) rune {
	switch r {
	case '\r', '\n', 0:
		return ' '
	}
	return r
}

// framesBody reports whether a field determines where the body ends.
func framesBody(name string) bool {
	switch name {
	case "Content-Length", "Transfer-Encoding", "Trailer":
		return true
	}
	return false
}

// isToken reports whether a name is valid for a field (RFC 9110, section
// 5.6.2).
func isToken(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != ""
}
