package client

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

const maxRedirects = 20 // as the fetch standard has it

var errRedirects = errors.New("tidings: too many redirects")

// redirecting returns a copy of a client that keeps secrets from other origins.
func redirecting(hc *http.Client) *http.Client {
	if hc == nil {
		hc = http.DefaultClient
	}
	c := *hc
	check := c.CheckRedirect
	c.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		protect(r, via)
		if check != nil {
			return check(r, via)
		}
		if len(via) >= maxRedirects {
			return errRedirects
		}
		return nil
	}
	c.Timeout = 0 // it would end streams: it limits the wait for the head instead
	return &c
}

// protect takes away what another origin must not see, once a redirect has
// led to one. net/http knows of Authorization and Cookie only, and lets
// subdomains have even those: an X-Api-Key would go anywhere. The Referer that
// it adds holds the query of the URL before.
func protect(r *http.Request, via []*http.Request) {
	first := via[0].URL
	strange := !sameOrigin(first, r.URL)
	for _, v := range via[1:] {
		strange = strange || !sameOrigin(first, v.URL)
	}
	if !strange {
		return
	}
	for name := range r.Header {
		switch http.CanonicalHeaderKey(name) {
		case "Accept", "Accept-Language", "Cache-Control", "Content-Encoding", "Content-Type", "Last-Event-Id", "User-Agent":
		default:
			delete(r.Header, name)
		}
	}
}

// sameOrigin reports whether b is where a is. The secure port of the host that
// the program has named is that host, too.
func sameOrigin(a, b *url.URL) bool {
	if !strings.EqualFold(a.Hostname(), b.Hostname()) {
		return false
	}
	upgraded := a.Scheme == "http" && port(a) == "80" && b.Scheme == "https" && port(b) == "443"
	return upgraded || a.Scheme == b.Scheme && port(a) == port(b)
}

func port(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}
