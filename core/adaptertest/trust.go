//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// testForgedFields puts text with line breaks into header fields, names and values.
// No such text begins another field, or the body.
func testForgedFields(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	const break1, break2 = "a\r\nX-Forged: 1\r\n\r\ndata: forged\n\n", "b\nX-Forged: 2\rX-Forged: 3"
	forge := func(h http.Header) {
		h["X-Text"] = []string{break1, break2}
		h["Set-Cookie"] = []string{break1}
		h["X-Name\r\nX-Forged"] = []string{"4"}
		h["X Name: X-Forged"] = []string{"5"}
		h["Content-Length"] = []string{"1"}
		h["Transfer-Encoding"] = []string{"identity"}
	}
	gate := f.Gate(core.GateConfig{Middleware: []core.Middleware{func(s *core.Handshake) error {
		forge(s.Header())
		if s.Request().URL.Path != "/refused" {
			return nil
		}
		r := core.Refuse(http.StatusForbidden, "No.")
		r.Header = http.Header{}
		forge(r.Header)
		return r
	}}})
	finish := func(s *core.Sender) error { return s.Send(core.Event{Data: "x"}) }
	f.Get("/handler", gate.Handle(finish))
	f.Get("/refused", gate.Handle(finish))
	f.Get("/once", gate.OneShot(func(*core.Handshake) (core.Event, error) { return core.Event{Data: "x"}, nil }))
	f.Get("/channel", gate.SubscribeFunc(func(s *core.Handshake) (core.Subscription, error) {
		s.OnDeliver(func(int, int) { _ = s.Close() })
		return core.Subscription{Channels: []string{"news"}}, nil
	}))
	f.Start(t)
	for _, path := range []string{"/handler", "/refused", "/once", "/channel"} {
		r := f.Client(t).Get(t, path)
		if got := r.Header.Values("X-Forged"); len(got) > 0 {
			t.Errorf("%s, header X-Forged: got %q, want none", path, got)
		}
		if got := fmt.Sprint(r.Header); strings.Contains(got, "X Name") {
			t.Errorf("%s, header: got %s, want no name that is no token", path, got)
		}
		if got := r.Header.Get("X-Text"); got != "a  X-Forged: 1    data: forged" {
			t.Errorf("%s, header X-Text: got %q, want it in one line", path, got)
		}
		if got := r.Header.Values("Set-Cookie"); len(got) != 2 {
			t.Errorf("%s, cookies: got %q, want two", path, got)
		}
		body := r.Text(t)
		if want := map[bool]string{true: "data: x\n\n", false: "No.\n"}[path != "/refused"]; path != "/channel" && !strings.HasSuffix(body, want) {
			t.Errorf("%s, body: got %q, want it to end with %q", path, body, want)
		}
		if strings.Contains(body, "forged") {
			t.Errorf("%s, body: got %q, want no forged event", path, body)
		}
	}
}

// testIDsReturn sends IDs of all kinds that an event may have as last event IDs:
// each reaches the handler as it is.
func testIDsReturn(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	f.Get("/", f.Gate(core.GateConfig{}).OneShot(func(s *core.Handshake) (core.Event, error) {
		return core.Event{ID: s.LastEventID()}, nil
	}))
	f.Start(t)
	c := f.Client(t)
	sent := 0
	ask := func(id string) {
		if core.CheckID(id) != nil {
			return
		}
		sent++
		r, err := c.Do(http.MethodGet, "/", nil, "Last-Event-ID", id)
		if err != nil {
			t.Errorf("ID %q: %v", id, err)
			return
		}
		defer r.Cancel()
		if got := r.Event(t); r.StatusCode != http.StatusOK || got.ID != id {
			t.Errorf("ID %q: got %s and %q", id, r.Status, got.ID)
		}
	}
	for c := rune(1); c < 0x180; c++ {
		ask(string(c) + "a")
		ask("a" + string(c) + "a")
		ask("a" + string(c))
	}
	if sent < 600 {
		t.Errorf("IDs that may be sent: got %d of those tried, want most", sent)
	}
}
