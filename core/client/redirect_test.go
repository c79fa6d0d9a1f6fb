package client_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core/client"
)

// secretConfig returns a configuration with secrets, which must not reach other
// hosts.
func secretConfig() client.Config {
	return client.Config{
		URL: "http://user:pass@a.example/events?token=secret",
		Header: http.Header{
			"Authorization": {"Bearer secret"}, "Cookie": {"a=secret"}, "X-Api-Key": {"secret"},
			"User-Agent": {"viewer"}, "Accept-Language": {"de"}, "Referer": {"http://secret.example"},
		},
		BeforeRequest: func(r *http.Request) error {
			r.Host = "secret.example"
			r.Header["x-fresh-token"] = []string{"secret"} //nolint:canonicalheader // As a program may write it.
			return nil
		},
		LastEventID: "7",
		OneShot:     true,
	}
}

// TestRedirect checks that redirects are followed, and which hosts receive the
// secrets.
func TestRedirect(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		hops []string // where each answer sends the client
		kept bool     // the last host receives the secrets
	}{
		{"same host", []string{"/other"}, true},
		{"same host, in full", []string{"http://a.example:80/other"}, true},
		{"other port", []string{"http://a.example:8080/"}, false},
		{"other host", []string{"http://b.example/"}, false},
		{"subdomain", []string{"http://sub.a.example/"}, false},
		{"parent domain", []string{"http://example/"}, false},
		{"and back", []string{"http://b.example/", "http://a.example/"}, false},
		{"later", []string{"/other", "http://b.example/"}, false},
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, tt := range tests {
			t.Run(http.StatusText(status)+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var seen http.Header
					var host string
					var handlers []http.HandlerFunc
					for _, hop := range tt.hops {
						handlers = append(handlers, answer(status, "", "Location", hop))
					}
					c := open(t, secretConfig(), attempts(append(handlers, func(w http.ResponseWriter, r *http.Request) {
						seen, host = r.Header.Clone(), r.Host
						stream("data: a\n\n")(w, r)
					})...))
					got, err := collect(t, c)
					if got != `message "7" "a"` || err != nil {
						t.Fatalf("got %q and error %v, want the event", got, err)
					}
					for name, want := range map[string]string{"Last-Event-Id": "7", "Accept": "text/event-stream", "User-Agent": "viewer", "Accept-Language": "de"} {
						equal(t, name, seen.Get(name), want)
					}
					if !tt.kept && strings.Contains(host, "secret") {
						t.Errorf("Host: got %q, want the other host's own", host)
					}
					found := 0
					for name, values := range seen {
						if strings.Contains(strings.Join(values, " "), "secret") {
							found++
							if !tt.kept {
								t.Errorf("%s: got %q, want it kept from other hosts", name, values)
							}
						}
					}
					equal(t, "headers with secrets", found > 3, tt.kept)
				})
			})
		}
	}
}

// TestRedirectUpgrade checks that the HTTPS port of a host counts as the same
// host.
func TestRedirectUpgrade(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"https://a.example/": "secret", "https://a.example:8443/": "", "https://b.example/": "", "http://a.example:443/": "",
	} {
		hc := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Response == nil { // no redirect has led here
				return response(307, "", "Location", location), nil
			}
			equal(t, location, r.Header.Get("X-Api-Key"), want)
			return response(200, "data: a\n\n", "Content-Type", "text/event-stream"), nil
		})}
		cfg := secretConfig()
		cfg.HTTPClient = hc
		if err := create(t, cfg).Run(t.Context()); err != nil {
			t.Errorf("got error %v, want none", err)
		}
	}
}

// TestRedirectPolicy checks that the policy of the http.Client applies, and
// that every attempt begins at the first URL.
func TestRedirectPolicy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var paths []string
		cfg := client.Config{URL: "http://a.example/0"}
		cfg.HTTPClient = serve(t, func(w http.ResponseWriter, r *http.Request) {
			paths = append(paths, r.URL.Path)
			switch {
			case len(paths) > 4:
				w.WriteHeader(http.StatusNoContent)
			case r.URL.Path == "/0":
				http.Redirect(w, r, "/1", http.StatusMovedPermanently)
			default:
				stream("data: a\n\n")(w, r)
			}
		})
		if err := create(t, cfg).Run(t.Context()); err != nil {
			t.Errorf("got error %v, want none", err)
		}
		equal(t, "paths", strings.Join(paths, " "), "/0 /1 /0 /1 /0")

		cfg.HTTPClient = serve(t, answer(http.StatusFound, "", "Location", "/0"))
		cfg.Backoff.MaxAttempts = 1
		wantReason(t, create(t, cfg).Run(t.Context()), client.OutOfAttempts) // the redirects form a loop

		cfg.HTTPClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		err := create(t, cfg).Run(t.Context())
		wantReason(t, err, client.Refused)
		forbidden := errors.New("forbidden")
		cfg.HTTPClient.CheckRedirect = func(*http.Request, []*http.Request) error { return forbidden }
		if err = create(t, cfg).Run(t.Context()); !errors.Is(err, forbidden) {
			t.Errorf("got error %v, want %v", err, forbidden)
		}
	})
}

// TestErrorsKeepSecrets checks that no message holds a part of the URL that may
// be secret.
func TestErrorsKeepSecrets(t *testing.T) {
	t.Parallel()
	refused := func(*http.Request) (*http.Response, error) { return nil, errors.New("refused") }
	moved := func(location string) roundTrip {
		return func(r *http.Request) (*http.Response, error) {
			if r.Response != nil {
				return nil, errors.New("refused")
			}
			return response(302, "", "Location", location), nil
		}
	}
	for name, tt := range map[string]struct {
		url string
		do  roundTrip
		cfg client.Config
	}{
		"network":                {"http://user:secret@a.example/secret?token=secret#secret", refused, client.Config{}},
		"redirect":               {"http://a.example/?token=secret", moved("http://user:secret@b.example/?token=secret"), client.Config{}},
		"redirect, not a URL":    {"http://a.example/?token=secret", moved("/%zz?a=b secret=secret"), client.Config{}},
		"redirect, not HTTP":     {"http://a.example/?token=secret", moved("secret://secret"), client.Config{}},
		"status":                 {"http://a.example/?token=secret", func(*http.Request) (*http.Response, error) { return response(404, "no such: /?token=secret"), nil }, client.Config{}},
		"error of a proxy":       {"http://a.example/", func(*http.Request) (*http.Response, error) { return nil, errors.New(`invalid "user:secret@proxy"`) }, client.Config{}},
		"error of a token's URL": {"http://a.example/", refused, client.Config{BeforeRequest: func(*http.Request) error { return errors.New("Get http://b.example/?key=secret: refused") }}},
		"not a URL":              {"http://user:sec ret@secret:x/secret", nil, client.Config{}},
		"not HTTP":               {"secret://secret", nil, client.Config{}},
		"no host":                {"http:///secret", nil, client.Config{}},
		"header":                 {"http://a.example", nil, client.Config{Header: http.Header{"X-Key": {"secret\n"}}}},
		"last event ID":          {"http://a.example", nil, client.Config{LastEventID: "secret\n"}},
	} {
		tt.cfg.URL, tt.cfg.OneShot = tt.url, true
		tt.cfg.HTTPClient = &http.Client{Transport: tt.do}
		c, err := client.New(tt.cfg)
		if (err != nil) != (tt.do == nil) {
			t.Fatalf("%s: got error %v from New, want one: %t", name, err, tt.do == nil)
		}
		if err == nil {
			err = c.Run(t.Context())
		}
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got error %v, want one without secrets", name, err)
		}
		if want := "tidings: client gave up: broken: GET http://a.example: refused"; name == "network" && err.Error() != want {
			t.Errorf("%s: got error %v, want %s", name, err, want)
		}
	}
}
