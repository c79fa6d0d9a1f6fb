package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware"
)

// check grants what a test's token says: it is the identity.
func check(_ context.Context, token string) (middleware.Grant, error) {
	switch token {
	case "hidden":
		return middleware.Grant{}, fmt.Errorf("no such token: %s", token)
	case "down-hidden":
		return middleware.Grant{}, &core.Refusal{Status: http.StatusServiceUnavailable, Message: "No " + token, Err: errors.New(token)}
	case "old":
		return middleware.Grant{Identity: "old", Expiry: time.Now().Add(-time.Second)}, nil
	case "nobody":
		return middleware.Grant{}, nil
	}
	return middleware.Grant{Identity: token}, nil
}

func ExampleAuth() {
	// The sessions of the app, by token.
	sessions := map[string]string{"4f9c…": "ann"}

	hub := core.NewHub(core.HubConfig{})
	gate := core.NewGate(hub, core.GateConfig{Middleware: []core.Middleware{
		middleware.Logging(nil),
		middleware.Origin(),
		middleware.Auth(middleware.AuthConfig{
			Cookie: "session",
			Check: func(_ context.Context, token string) (middleware.Grant, error) {
				user, ok := sessions[token]
				if !ok {
					return middleware.Grant{}, errors.New("no such session")
				}
				return middleware.Grant{
					Identity: user,
					Rights:   &core.Rights{Channels: []string{"user/" + user}, Patterns: []string{"public/*"}},
					Expiry:   time.Now().Add(time.Hour),
				}, nil
			},
		}),
	}})
	events := gate.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{"user/" + h.Request().URL.Query().Get("user")}}, nil
	})
	for _, user := range []string{"ann", "bob"} {
		r := httptest.NewRequest(http.MethodHead, "/events?user="+user, http.NoBody)
		r.Header.Set("Authorization", "Bearer 4f9c…")
		w := httptest.NewRecorder()
		events.ServeHTTP(w, r)
		fmt.Println(user, w.Code)
	}
	hub.Revoke("ann", time.Now().Add(time.Hour)) // ends all of her streams
	// Output:
	// ann 200
	// bob 403
}

func TestAuth(t *testing.T) {
	t.Parallel()
	config := middleware.AuthConfig{Cookie: "session", Query: "token", Check: check, MaxToken: 100}
	const header = "Authorization"
	for name, test := range map[string]struct {
		path    string
		headers []string
		status  int
		want    string // the identity
		cause   error
	}{
		"header":               {"/events", []string{header, "Bearer ann"}, 200, "ann", nil},
		"scheme in lower case": {"/events", []string{header, "bearer ann"}, 200, "ann", nil},
		"cookie":               {"/events", []string{"Cookie", "x=1; session=ann"}, 200, "ann", nil},
		"query":                {"/events?token=ann", nil, 200, "ann", nil},
		"header before others": {"/events?token=bob", []string{header, "Bearer ann", "Cookie", "session=cat"}, 200, "ann", nil},
		"cookie before query":  {"/events?token=bob", []string{"Cookie", "session=cat"}, 200, "cat", nil},
		"another scheme":       {"/events?token=bob", []string{header, "Basic ann"}, 200, "bob", nil},
		"none":                 {"/events", nil, 401, "", middleware.ErrNoToken},
		"empty":                {"/events", []string{header, "Bearer "}, 401, "", middleware.ErrInvalidToken},
		"empty, in the query":  {"/events?token=", nil, 401, "", middleware.ErrInvalidToken},
		"empty, with a cookie": {"/events", []string{header, "Bearer ", "Cookie", "session=ann"}, 401, "", middleware.ErrInvalidToken},
		"unknown":              {"/events", []string{header, "Bearer hidden"}, 401, "", middleware.ErrInvalidToken},
		"unknown, then cookie": {"/events", []string{header, "Bearer hidden", "Cookie", "session=ann"}, 401, "", middleware.ErrInvalidToken},
		"two headers":          {"/events", []string{header, "Bearer ann", header, "Bearer bob"}, 401, "", middleware.ErrInvalidToken},
		"two cookies":          {"/events", []string{"Cookie", "session=ann; session=bob"}, 401, "", middleware.ErrInvalidToken},
		"two in the query":     {"/events?token=ann&token=bob", nil, 401, "", middleware.ErrInvalidToken},
		"long":                 {"/events?token=" + strings.Repeat("a", 101), nil, 401, "", middleware.ErrInvalidToken},
		"long cookies":         {"/events", []string{"Cookie", "x=" + strings.Repeat("a", 40<<10) + "; session=ann"}, 431, "", nil},
		"expired":              {"/events", []string{header, "Bearer old"}, 401, "", core.ErrExpired},
		"down":                 {"/events", []string{header, "Bearer down-hidden"}, 503, "", nil},
		"a mistake of the app": {"/events", []string{header, "Bearer nobody"}, 500, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			identity := make(chan string, 1)
			site := serve(t, middleware.Auth(config), func(h *core.Handshake) error {
				if strings.Contains(h.Request().URL.String()+h.Request().RequestURI, "token") {
					t.Errorf("got the URL %s, want it without the token", h.Request().URL)
				}
				identity <- h.Identity()
				return nil
			})
			resp := site.get(t, test.path, test.headers...)
			if resp.StatusCode != test.status {
				t.Fatalf("got %s, want %d", resp.Status, test.status)
			}
			if test.status == http.StatusOK {
				if got := <-identity; got != test.want {
					t.Errorf("got identity %q, want %q", got, test.want)
				}
				return
			}
			sum := site.ended(t)
			if !errors.Is(sum.Reason, test.cause) && test.cause != nil || strings.Contains(sum.Reason.Error(), "hidden") {
				t.Errorf("got %v, want %v and no token", sum.Reason, test.cause)
			}
			if challenge := resp.Header.Get("WWW-Authenticate"); test.status == 401 != strings.HasPrefix(challenge, "Bearer") {
				t.Errorf("got WWW-Authenticate %q with %d", challenge, test.status)
			}
		})
	}
}

// What is granted holds for the stream, live and replayed.
func TestAuthGrants(t *testing.T) {
	t.Parallel()
	var until atomic.Pointer[time.Time]
	site := serve(t, middleware.Auth(middleware.AuthConfig{Check: func(_ context.Context, token string) (middleware.Grant, error) {
		g := middleware.Grant{
			Identity: token, Rights: &core.Rights{Channels: []string{"a", "b"}},
			Keep: func(d core.Delivery) bool { return !strings.HasPrefix(d.Data, "secret") },
		}
		if at := until.Load(); at != nil {
			g.Expiry = *at
		}
		return g, nil
	}}))
	site.publish(t, "a", "secret", "one")
	first, err := site.hub.History(t.Context(), core.Subscription{Channels: []string{"a"}, Start: core.Earliest()}, 1)
	if err != nil {
		t.Fatal(err)
	}
	resp := site.get(t, "/events", "Authorization", "Bearer ann", "Last-Event-ID", first[0].ID)
	site.publish(t, "b", "secret, too", "two")
	for _, want := range []string{"one", "two"} {
		if got := resp.next(t); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	stream := site.hub.Streams("a")[0]
	if err := stream.AddChannels("c"); !errors.Is(err, core.ErrForbidden) {
		t.Errorf("AddChannels: got %v, want ErrForbidden", err)
	}
	soon := time.Now().Add(50 * time.Millisecond)
	until.Store(&soon)
	resp = site.get(t, "/events", "Authorization", "Bearer bob")
	if got := resp.next(t); got != `{"reason":"expired"}` {
		t.Errorf("got %q, want why the stream ends", got)
	}
	if sum := site.ended(t); !errors.Is(sum.Reason, core.ErrExpired) {
		t.Errorf("got %v, want ErrExpired", sum.Reason)
	}
}

func TestAuthNeedsACheck(t *testing.T) {
	t.Parallel()
	defer func() {
		if text, _ := recover().(string); !strings.HasPrefix(text, "tidings: auth: ") {
			t.Errorf("got panic %q, want one about auth", text)
		}
	}()
	middleware.Auth(middleware.AuthConfig{})
}
