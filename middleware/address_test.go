package middleware_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/tidings-go/tidings/middleware"
)

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func ExampleClientAddress() {
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.RemoteAddr = "10.0.0.7:1234" // our own proxy
	r.Header.Set("X-Forwarded-For", "198.51.100.1, 203.0.113.9")

	client, ok := middleware.ClientAddress(r, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, "")
	fmt.Println(client, ok)
	// Output: 203.0.113.9 true
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	trusted := prefixes("10.0.0.0/8", "fd00::/8", "::ffff:172.16.0.0/108")
	for name, test := range map[string]struct {
		remote  string
		forward []string
		want    string
		// forged says that nothing can stand further left that matters.
		forged bool
	}{
		"direct":                  {"203.0.113.9:1", nil, "203.0.113.9", true},
		"direct, without a port":  {"203.0.113.9", nil, "203.0.113.9", true},
		"direct, IPv6":            {"[2001:db8::1]:1", nil, "2001:db8::1", true},
		"direct, zone":            {"[fe80::1%eth0]:1", nil, "fe80::1", true},
		"direct, mapped":          {"[::ffff:203.0.113.9]:1", nil, "203.0.113.9", true},
		"not trusted":             {"203.0.113.9:1", []string{"198.51.100.1"}, "203.0.113.9", true},
		"proxy":                   {"10.0.0.1:1", []string{"203.0.113.9"}, "203.0.113.9", true},
		"proxy, mapped":           {"[::ffff:10.0.0.1]:1", []string{"203.0.113.9"}, "203.0.113.9", true},
		"mapped prefix":           {"172.16.0.1:1", []string{"203.0.113.9"}, "203.0.113.9", true},
		"IPv6 proxy":              {"[fd00::1]:1", []string{"203.0.113.9"}, "203.0.113.9", true},
		"two proxies":             {"10.0.0.1:1", []string{"203.0.113.9, 10.0.0.2"}, "203.0.113.9", true},
		"two lines":               {"10.0.0.1:1", []string{"203.0.113.9", "10.0.0.2"}, "203.0.113.9", true},
		"claims":                  {"10.0.0.1:1", []string{"10.0.0.3,198.51.100.1", "198.51.100.2, 203.0.113.9,10.0.0.2"}, "203.0.113.9", true},
		"IPv6 client":             {"10.0.0.1:1", []string{"2001:db8::1"}, "2001:db8::1", true},
		"IPv6 client, brackets":   {"10.0.0.1:1", []string{"[2001:db8::1]"}, "2001:db8::1", true},
		"IPv6 client, port":       {"10.0.0.1:1", []string{"[2001:db8::1]:80"}, "2001:db8::1", true},
		"client with a port":      {"10.0.0.1:1", []string{"203.0.113.9:80"}, "203.0.113.9", true},
		"mapped client":           {"10.0.0.1:1", []string{"::ffff:203.0.113.9"}, "203.0.113.9", true},
		"mapped hop":              {"10.0.0.1:1", []string{"203.0.113.9, ::ffff:10.0.0.2"}, "203.0.113.9", true},
		"empty elements":          {"10.0.0.1:1", []string{"203.0.113.9, ,", ""}, "203.0.113.9", true},
		"no field":                {"10.0.0.1:1", nil, "10.0.0.1", false},
		"all trusted":             {"10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3", false},
		"garbage":                 {"10.0.0.1:1", []string{"203.0.113.9, unknown"}, "10.0.0.1", true},
		"garbage before a proxy":  {"10.0.0.1:1", []string{"203.0.113.9, _hidden, 10.0.0.2"}, "10.0.0.2", true},
		"garbage behind the rest": {"10.0.0.1:1", []string{"x", "203.0.113.9"}, "203.0.113.9", true},
		"brackets that stay open": {"10.0.0.1:1", []string{"[2001:db8::1"}, "10.0.0.1", true},
		"brackets around IPv4":    {"10.0.0.1:1", []string{"[203.0.113.9]"}, "10.0.0.1", true},
		"leading zeros":           {"10.0.0.1:1", []string{"203.0.113.09"}, "10.0.0.1", true},
		"Unix socket":             {"@", []string{"203.0.113.9"}, "", true},
		"nothing":                 {"", nil, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			claims := [][]string{nil}
			if test.forged {
				claims = append(claims, []string{"198.51.100.77"}, []string{"garbage", "10.0.0.9"}, []string{""})
			}
			for _, claim := range claims {
				r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
				r.RemoteAddr = test.remote
				if test.forward == nil {
					claim = nil // Without a proxy that adds to it, it is all there is.
				}
				r.Header["X-Forwarded-For"] = append(claim, test.forward...)
				r.Header["X-Real-Ip"] = []string{"192.0.2.1"}
				got, ok := middleware.ClientAddress(r, trusted, "")
				if ok != (test.want != "") || ok && got.String() != test.want {
					t.Errorf("got %v, %v with the claim %q, want %q", got, ok, claim, test.want)
				}
			}
		})
	}
}

func TestClientAddressOfAnotherField(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.RemoteAddr = "10.0.0.1:1"
	r.Header.Set("X-Forwarded-For", "198.51.100.1")
	r.Header.Set("X-Real-IP", "203.0.113.9")
	got, _ := middleware.ClientAddress(r, prefixes("10.0.0.0/8"), "x-real-ip")
	if want := netip.MustParseAddr("203.0.113.9"); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
