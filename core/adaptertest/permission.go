//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
	"github.com/tidings-go/tidings/middleware"
)

// testAuth asks for a token, wherever a request may have it.
func testAuth(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	auth := middleware.Auth(middleware.AuthConfig{
		Cookie: "session", Query: "token",
		Check: func(_ context.Context, token string) (middleware.Grant, error) {
			user, ok := strings.CutPrefix(token, "secret of ")
			if !ok {
				return middleware.Grant{}, errors.New("no such token")
			}
			return middleware.Grant{Identity: user, Rights: &core.Rights{Channels: []string{"news"}}}, nil
		},
	})
	cfg := core.GateConfig{Middleware: []core.Middleware{auth}}
	describe := func(h *core.Handshake) string {
		return h.Identity() + " " + h.Request().RequestURI + " " + h.Request().URL.String()
	}
	f.Get("/once", f.Gate(cfg).OneShot(func(h *core.Handshake) (core.Event, error) { return core.Event{Data: describe(h)}, nil }))
	f.Get("/news", f.Gate(cfg).Subscribe("news"))
	f.Get("/other", f.Gate(cfg).Subscribe("other"))
	f.Post("/answer", f.Gate(cfg).Answer(func(h *core.Handshake) (any, error) { return describe(h), nil }))
	f.Start(t)
	c := f.Client(t)
	secret := url.QueryEscape("secret of ann")
	for _, tt := range []struct {
		path   string
		header []string
		want   string
	}{
		{"/once?a=1", []string{"Authorization", "Bearer secret of ann"}, "ann /once?a=1 /once?a=1"},
		{"/once", []string{"Cookie", `a=b; session="secret of ann"`}, "ann /once /once"},
		{"/once?a=1&token=" + secret + "&b=2", nil, "ann /once?a=1&b=2 /once?a=1&b=2"},
	} {
		r := c.Get(t, tt.path, tt.header...)
		if r.StatusCode != http.StatusOK {
			t.Errorf("GET %s: got %s, want 200", tt.path, r.Status)
			continue
		}
		r.WantData(t, tt.want)
		r.Cancel()
	}
	r := c.Send(t, http.MethodPost, "/answer?token="+secret, strings.NewReader("x"))
	if got := r.Text(t); r.StatusCode != http.StatusOK || got != `"ann /answer /answer"` {
		t.Errorf("POST: got %s, %s, want ann", r.Status, got)
	}
	for path, want := range map[string]int{"/once": 401, "/news?token=x": 401, "/other?token=" + secret: 403} {
		r = c.Get(t, path)
		if r.Text(t); r.StatusCode != want {
			t.Errorf("GET %s: got %s, want %d", path, r.Status, want)
		}
	}
	r = c.Open(t, "/news?token="+secret)
	r.Prelude(t)
	f.Hub.Revoke("ann", time.Time{})
	for ev := r.Event(t); ev.Name != core.ClosedEvent; ev = r.Event(t) {
		t.Errorf("before the last event: got %+v", ev)
	}
	r.WantEnd(t)
	if f.Log.Has("secret") {
		t.Error("log: got a token in it")
	}
}

// testTickets has a client get a ticket, open a stream with it, and come back with
// its cookie.
func testTickets(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	tickets := middleware.NewTickets(middleware.TicketConfig{Path: "/events", Keys: [][]byte{make([]byte, 32)}})
	gate := f.Gate(core.GateConfig{Middleware: []core.Middleware{middleware.Origin("https://app.example"), tickets.Middleware}})
	f.Get("/events", gate.Subscribe("news"))
	f.Post("/events/channels", gate.ChangeChannels(func(*core.Stream, []string) error { return nil }))
	f.Post("/ticket", tickets.Endpoint(f.Gate(core.GateConfig{}), func(h *core.Handshake) (middleware.Grant, error) {
		user := h.Request().Header.Get("X-User")
		return middleware.Grant{Identity: user, Rights: &core.Rights{Channels: []string{"news", "sport"}}}, nil
	}))
	f.Start(t)
	c := f.Client(t)
	ticket := func(user string) (query string) {
		t.Helper()
		r := c.Send(t, http.MethodPost, "/ticket", strings.NewReader("{}"), "X-User", user)
		var answer struct {
			Ticket string `json:"ticket"`
		}
		if err := json.Unmarshal([]byte(r.Text(t)), &answer); err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("ticket: got %s, %v", r.Status, err)
		}
		return "?ticket=" + answer.Ticket
	}
	ann, bob := ticket("ann"), ticket("bob")
	if r := c.Get(t, "/events"+ann, "Origin", "https://evil.example"); r.StatusCode != http.StatusForbidden {
		t.Errorf("from another origin: got %s, want 403", r.Status)
	}
	open := func(query string, header ...string) (*core.Stream, *ssetest.Reply) {
		s, r := f.Connect(t, "/events"+query, header...)
		r.Position(t)
		return s, r
	}
	_, r := open(ann, "Origin", "https://app.example")
	if got := r.Header.Get("Access-Control-Allow-Origin") + r.Header.Get("Access-Control-Allow-Credentials"); got != "https://app.exampletrue" {
		t.Errorf("an allowed origin: got the fields %q", got)
	}
	var cookie string
	for _, one := range r.Cookies() {
		if one.Name == "__Secure-tidings" && one.Secure && one.HttpOnly && one.Path == "/events" {
			cookie = one.Name + "=" + one.Value
		}
	}
	if cookie == "" || len(r.Cookies()) != 2 { // the framework's, too
		t.Fatalf("cookies: got %v, want that of the session and the framework's", r.Cookies())
	}
	r.Cancel()
	if spent := c.Get(t, "/events"+ann); spent.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a cookie: got %s, want 401", spent.Status)
	}
	s, r := open(ann, "Cookie", cookie)
	other, _ := open(bob)
	change := func(s *core.Stream, channel string, want int, header ...string) {
		t.Helper()
		body := `{"stream":"` + s.ID() + `","add":["` + channel + `"]}`
		header = append([]string{"Content-Type", "application/json", "Cookie", cookie}, header...)
		changed := c.Send(t, http.MethodPost, "/events/channels"+ann, strings.NewReader(body), header...)
		if changed.StatusCode != want {
			t.Errorf("adding %s: got %s, %s, want %d", channel, changed.Status, changed.Text(t), want)
		}
	}
	change(s, "sport", http.StatusOK)
	change(s, "staff", http.StatusForbidden)
	change(s, "sport", http.StatusForbidden, "Sec-Fetch-Site", "cross-site")
	change(other, "sport", http.StatusNotFound)
	f.Publish(t, "sport", core.Event{Data: "goal"})
	if got := r.Message(t).Data; got != "goal" {
		t.Errorf("event of the added channel: got %q, want goal", got)
	}
}
