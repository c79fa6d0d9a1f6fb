package client

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// validValue reports whether text can be a header field's value (RFC 9110,
// section 5.5).
func validValue(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// validName reports whether text is a token (RFC 9110, section 5.6.2).
func validName(text string) bool {
	for i := range len(text) {
		c := text[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return text != ""
}

// checkHeader reports whether a header can be sent. Its errors hold no values.
func checkHeader(h http.Header) error {
	for name, values := range h {
		if !validName(name) {
			return errors.New("tidings: client: header field with a name that is none")
		}
		for _, v := range values {
			if !validValue(v) {
				return errors.New("tidings: client: header field " + name + ": control character in its value")
			}
		}
	}
	return nil
}

// cloneHeader returns a copy that shares no memory with h, names and values
// included.
func cloneHeader(h http.Header) http.Header {
	clone := make(http.Header, len(h))
	for name, values := range h {
		all := make([]string, len(values))
		for i, v := range values {
			all[i] = strings.Clone(v)
		}
		clone[strings.Clone(name)] = all
	}
	return clone
}

// setQuery sets a parameter of a URL's query, and leaves the others as they
// are written.
func setQuery(u *url.URL, name, value string) {
	var kept []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		escaped, _, _ := strings.Cut(pair, "=")
		if key, err := url.QueryUnescape(escaped); pair != "" && (err != nil || key != name) {
			kept = append(kept, pair)
		}
	}
	u.RawQuery = strings.Join(append(kept, url.QueryEscape(name)+"="+url.QueryEscape(value)), "&")
}
