package middleware_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware"
)

func ExampleOrigin() {
	gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{Middleware: []core.Middleware{
		middleware.Origin("https://app.example.com"), // and the server's own
	}})
	for _, origin := range []string{"https://own.example.com", "https://app.example.com", "https://evil.example"} {
		r := httptest.NewRequest(http.MethodHead, "https://own.example.com/events", http.NoBody)
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		gate.Subscribe("news").ServeHTTP(w, r)
		fmt.Println(origin, w.Code)
	}
	// Output:
	// https://own.example.com 200
	// https://app.example.com 200
	// https://evil.example 403
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	const (
		own     = "https://own.example"
		allowed = "https://app.example:8443"
		other   = "https://evil.example"
	)
	for name, test := range map[string]struct {
		headers []string
		status  int
		allows  string // Access-Control-Allow-Origin
	}{
		"no browser":                {nil, 200, ""},
		"same origin":               {[]string{"Sec-Fetch-Site", "same-origin"}, 200, ""},
		"typed by the user":         {[]string{"Sec-Fetch-Site", "none"}, 200, ""},
		"same origin, old browser":  {[]string{"Origin", own}, 200, ""},
		"allowed":                   {[]string{"Origin", allowed, "Sec-Fetch-Site", "cross-site"}, 200, allowed},
		"allowed, old browser":      {[]string{"Origin", allowed}, 200, allowed},
		"other":                     {[]string{"Origin", other, "Sec-Fetch-Site", "cross-site"}, 403, ""},
		"other, old browser":        {[]string{"Origin", other}, 403, ""},
		"an image of another site":  {[]string{"Sec-Fetch-Site", "cross-site"}, 403, ""},
		"another host of this site": {[]string{"Sec-Fetch-Site", "same-site", "Origin", "https://blog.own.example"}, 403, ""},
		"null":                      {[]string{"Origin", "null"}, 403, ""},
		"null, allowed elsewhere":   {[]string{"Origin", "null", "Sec-Fetch-Site", "cross-site"}, 403, ""},
		"another port":              {[]string{"Origin", "https://app.example"}, 403, ""},
		"a longer name":             {[]string{"Origin", allowed + ".evil.example"}, 403, ""},
		"two":                       {[]string{"Origin", allowed, "Origin", other}, 403, ""},
		"in capitals":               {[]string{"Origin", strings.ToUpper(allowed)}, 403, ""},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodHead} {
			var reason error
			gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{Middleware: []core.Middleware{
				func(h *core.Handshake) error {
					h.OnClose(func(sum core.Summary) { reason = sum.Reason })
					return nil
				},
				middleware.Origin(allowed),
			}})
			r := httptest.NewRequestWithContext(t.Context(), method, own+"/events", http.NoBody)
			r.Header.Set("Cookie", "session=ann")
			for i := 0; i < len(test.headers); i += 2 {
				r.Header.Add(test.headers[i], test.headers[i+1])
			}
			w := httptest.NewRecorder()
			gate.Handle(func(s *core.Sender) error { return s.Send(core.Event{Data: "secret"}) }).ServeHTTP(w, r)
			if w.Code != test.status || w.Header().Get("Access-Control-Allow-Origin") != test.allows || w.Header().Get("Vary") != "Origin" {
				t.Errorf("%s, %s: got %d and %v, want %d and %q allowed", name, method, w.Code, w.Header(), test.status, test.allows)
			}
			if credentials := w.Header().Get("Access-Control-Allow-Credentials"); (credentials != "") != (test.allows != "") {
				t.Errorf("%s, %s: got Access-Control-Allow-Credentials %q", name, method, credentials)
			}
			refused := test.status != http.StatusOK
			if refused && strings.Contains(w.Body.String(), "secret") || refused != errors.Is(reason, middleware.ErrCrossOrigin) {
				t.Errorf("%s, %s: got %q and the reason %v", name, method, w.Body, reason)
			}
		}
	}
}

func TestOriginChecksItsConfiguration(t *testing.T) {
	t.Parallel()
	for _, origin := range []string{"null", "*", "https://app.example/", "app.example", ""} {
		func() {
			defer func() {
				if text, _ := recover().(string); !strings.HasPrefix(text, "tidings: origin: ") {
					t.Errorf("%q: got panic %q, want one", origin, text)
				}
			}()
			middleware.Origin(origin)
		}()
	}
}
