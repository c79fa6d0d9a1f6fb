package client

import (
	"net/url"
	"regexp"
	"strings"
)

// attemptError is what an attempt to open a stream, or the reading of one,
// failed with.
type attemptError struct {
	what string // method and origin
	err  error
}

// failed returns err as the error of an attempt, without the URL.
func (c *Client) failed(err error) error {
	for {
		ue, ok := err.(*url.Error) //nolint:errorlint // Layer by layer: only those on top hold this URL.
		if !ok {
			return &attemptError{what: c.cfg.Method + " " + c.origin, err: err}
		}
		err = ue.Err
	}
}

// Error returns method, origin and the error behind it.
func (e *attemptError) Error() string {
	return "tidings: " + e.what + ": " + redact(e.err)
}

// Unwrap returns the error behind it.
func (e *attemptError) Unwrap() error { return e.err }

// redact returns the message of an error without what may be part of a URL, its
// userinfo or its query: errors of redirects, proxies and hooks quote what they
// are about.
func redact(err error) string {
	quotedOrWord := regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[^ "]+`)
	return quotedOrWord.ReplaceAllStringFunc(err.Error(), func(part string) string {
		if strings.Contains(part, "//") || strings.ContainsAny(part, "?@") {
			return "[…]"
		}
		return part
	})
}
