package core_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// at runs f at a gate, with a request for this target.
func at(t *testing.T, target string, f func(h *core.Handshake)) {
	t.Helper()
	gate := core.NewGate(openHub(t, core.HubConfig{}), core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
		f(h)
		return core.Finished()
	}}})
	gate.Handle(nil).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody))
}

func TestTakeQuery(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]struct {
		values []string
		rest   string
	}{
		"/p":                               {nil, "/p"},
		"/p?a=1&b=2":                       {nil, "/p?a=1&b=2"},
		"/p?token=secret":                  {[]string{"secret"}, "/p"},
		"/p?a=1&token=secret&b=%20":        {[]string{"secret"}, "/p?a=1&b=%20"},
		"/p?%74oken=se%63ret&b":            {[]string{"secret"}, "/p?b"},
		"/p?token=secret&token=secret+2":   {[]string{"secret", "secret 2"}, "/p"},
		"/p?a=1&token=secret;b=2":          {nil, "/p?a=1"},
		"/p?a=1&token=secret%zz&c=3":       {nil, "/p?a=1&c=3"},
		"/p?x;token=secret&token=secret+3": {[]string{"secret 3"}, "/p"},
	} {
		at(t, target, func(h *core.Handshake) {
			r := h.Request()
			if err := r.ParseForm(); err != nil && want.values != nil && !strings.Contains(target, ";") {
				t.Error(err)
			}
			if got := h.TakeQuery("token"); !slices.Equal(got, want.values) {
				t.Errorf("%s: got %q, want %q", target, got, want.values)
			}
			if r.URL.String() != want.rest || r.RequestURI != want.rest || r.Form.Has("token") {
				t.Errorf("%s: got %s and %s left, and the form %v, want %s", target, r.URL, r.RequestURI, r.Form, want.rest)
			}
		})
	}
}

// FuzzTakeQuery has a query parsed by net/url as well: the parameter is found
// where that finds it, and no other goes.
func FuzzTakeQuery(f *testing.F) {
	for _, seed := range []string{"", "token=1", "a=b&token=%41&&x", "token;token=2", "token%=1&tok%65n=", "+token=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/p", http.NoBody)
		r.URL.RawQuery = raw
		want, _ := url.ParseQuery(raw)
		gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
			got := h.TakeQuery("token")
			rest, _ := url.ParseQuery(r.URL.RawQuery)
			if !slices.Equal(got, want["token"]) {
				t.Errorf("%q: got %q, want %q", raw, got, want["token"])
			}
			delete(want, "token")
			if rest.Encode() != want.Encode() {
				t.Errorf("%q: got %v left, want %v", raw, rest, want)
			}
			return core.Finished()
		}}})
		gate.Handle(nil).ServeHTTP(httptest.NewRecorder(), r)
	})
}
