//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"context"
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
