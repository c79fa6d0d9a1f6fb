//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// changes is a bed with an endpoint where clients change their streams'
// channels.
type changes struct {
	*members

	client *client
	asked  [][]string // what was to be added
}

func newChanges(t *testing.T, e env) *changes {
	b := newBed(t, e, core.HubConfig{})
	c := &changes{members: newMembers(b)}
	gate := b.gate(core.GateConfig{Middleware: []core.Middleware{c.middleware, func(s *core.Handshake) error {
		user := s.Request().Header.Get("X-User")
		if user == "mallory" {
			return core.Refuse(http.StatusUnauthorized, "Not you.")
		}
		s.SetIdentity(user)
		return nil
	}}})
	b.get("/", gate.SubscribeFunc(func(s *core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{"a"}}, s.Send(core.Event{Name: "stream", Data: s.ID()})
	}))
	b.get("/handler", gate.Handle(func(s *core.Sender) error {
		_ = s.Send(core.Event{Name: "stream", Data: s.ID()})
		return wait(s)
	}))
	change := gate.ChangeChannels(func(_ *core.Stream, add []string) error {
		c.asked = append(c.asked, add)
		switch add[0] {
		case "secret":
			return core.Refuse(http.StatusForbidden, "Not for you.")
		case "broken":
			return errors.New("broken")
		case "panic":
			panic("oh no")
		}
		return nil
	})
	b.post("/change", change)
	b.get("/change", change)
	b.start(t)
	c.client = b.client(t)
	return c
}

// post asks for a change, with the header of a request that is in order unless
// said otherwise.
func (c *changes) post(t *testing.T, body string, header ...string) *reply {
	t.Helper()
	if len(header) == 0 {
		header = []string{"Content-Type", "application/json", "X-User", "ann"}
	}
	r := c.client.send(t, http.MethodPost, "/change", strings.NewReader(body), header...)
	if r.StatusCode == http.StatusUnsupportedMediaType {
		return r // it did not come to the middleware
	}
	if got := c.closed(t); got.Opened || r.StatusCode == http.StatusOK && !wraps(got.Reason, core.ErrChanged) {
		t.Errorf("summary of the request: got %+v, want one that did not open, and ErrChanged", got)
	}
	return r
}

// testChangeRequest has clients ask for other channels.
func testChangeRequest(t *testing.T, e env) {
	c := newChanges(t, e)
	s, r := c.member(t, "/", "X-User", "ann")
	id := r.said(t).data
	if id != s.ID() {
		t.Fatalf("ID that the client was told: got %q, want %q", id, s.ID())
	}
	for _, tt := range []struct {
		body string
		want []string
	}{
		{`{"stream": %q, "add": ["b"]}`, []string{"a", "b"}},
		{`{"stream": %q}`, []string{"a", "b"}},
		{`{"stream": %q, "add": ["b", "c"], "remove": ["a"]}`, []string{"b", "c"}},
		{`{"stream": %q, "remove": ["b", "c", "none"]}`, []string{}},
		{`{"stream": %q, "add": ["é 世界"], "remove": null} `, []string{"é 世界"}},
	} {
		got := c.post(t, fmt.Sprintf(tt.body, id))
		var answer map[string][]string
		err := json.Unmarshal([]byte(got.text(t)), &answer)
		if channels := answer["channels"]; got.StatusCode != http.StatusOK || err != nil || !slices.Equal(channels, tt.want) || channels == nil {
			t.Errorf("%s: got %s, %q, %v, want 200 and %q", tt.body, got.Status, answer, err, tt.want)
		}
		if kind, cache := got.Header.Get("Content-Type"), got.Header.Get("Cache-Control"); kind != "application/json" || cache != "no-store" {
			t.Errorf("%s: got %q, %q, want application/json and no-store", tt.body, kind, cache)
		}
	}
	if got := len(c.asked); got != 3 {
		t.Errorf("asked whether it may add: got %d times, want 3", got)
	}
	if got := c.hub.Stats().Streams; got != 1 {
		t.Errorf("open streams: got %d, want 1", got)
	}
	c.publish(t, "a", core.Event{Data: "no"})
	c.publish(t, "é 世界", core.Event{Data: "yes"}, core.Event{Data: "end"})
	if got := r.events(t); !slices.Equal(got, []string{"yes"}) {
		t.Errorf("events: got %q, want yes", got)
	}
}

// testChangeRefusals has clients ask for changes that are not possible.
func testChangeRefusals(t *testing.T, e env) {
	c := newChanges(t, e)
	own, _ := c.member(t, "/", "X-User", "ann")
	others, _ := c.member(t, "/", "X-User", "bob")
	nobodys, _ := c.member(t, "/")
	handlers, _ := c.member(t, "/handler", "X-User", "ann")
	over, r := c.member(t, "/", "X-User", "ann")
	r.close()
	c.closed(t)
	to := func(s *core.Stream, rest string) string { return fmt.Sprintf(`{"stream": %q%s}`, s.ID(), rest) }
	inJSON := []string{"Content-Type", "application/json"}
	add := `, "add": ["b"]`
	type header = []string
	for _, tt := range []struct {
		what, body string
		header     []string
		want       int
	}{
		{"no body", "", nil, 400},
		{"half an object", `{"stream": `, nil, 400},
		{"a list", `[]`, nil, 400},
		{"null", `null`, nil, 400},
		{"nothing in it", `{}`, nil, 400},
		{"no stream", `{"add": ["b"]}`, nil, 400},
		{"a number", `{"stream": 5}`, nil, 400},
		{"no list", to(own, `, "add": "b"`), nil, 400},
		{"other members", to(own, `, "ad": ["b"]`), nil, 400},
		{"two objects", to(own, add) + "{}", nil, 400},
		{"an empty name", to(own, `, "add": [""]`), nil, 400},
		{"an empty name to remove", to(own, `, "remove": ["\u0000"]`), nil, 400},
		{"a long name", to(own, `, "add": ["`+strings.Repeat("x", core.MaxChannelBytes+1)+`"]`), nil, 400},
		{"too many", to(own, `, "add": ["`+strings.Join(manyChannels(core.MaxChannels), `", "`)+`"]`), nil, 400},
		{"two megabytes", to(own, `, "add": ["`+strings.Repeat("x", 2<<20)+`"]`), nil, 413},
		{"not allowed", to(own, `, "add": ["secret"]`), nil, 403},
		{"an error", to(own, `, "add": ["broken"]`), nil, 500},
		{"a panic", to(own, `, "add": ["panic"]`), nil, 500},
		{"nobody's private channel", to(own, `, "add": ["~`+strings.Repeat("A", 26)+`"]`), nil, 404},
		{"no such stream", `{"stream": "00112233445566778899aabbccddeeff", "add": ["b"]}`, nil, 404},
		{"no ID", `{"stream": "x", "add": ["b"]}`, nil, 404},
		{"capitals", fmt.Sprintf(`{"stream": %q%s}`, strings.ToUpper(own.ID()), add), nil, 404},
		{"somebody else's", to(others, add), nil, 404},
		{"nobody's", to(nobodys, add), nil, 404},
		{"somebody's, from nobody", to(own, add), inJSON, 404},
		{"one that has ended", to(over, add), nil, 404},
		{"a handler's", to(handlers, add), nil, 409},
		{"no content type", to(own, add), header{"X-User", "ann"}, 415},
		{"a form", to(own, add), header{"Content-Type", "application/x-www-form-urlencoded", "X-User", "ann"}, 415},
		{"text", to(own, add), header{"Content-Type", "text/plain; application/json", "X-User", "ann"}, 415},
		{"half a content type", to(own, add), header{"Content-Type", "application/json; charset", "X-User", "ann"}, 415},
		{"not let in", to(own, add), header{"Content-Type", "application/json", "X-User", "mallory"}, 401},
	} {
		got := c.post(t, tt.body, tt.header...)
		if text := got.text(t); got.StatusCode != tt.want || strings.Contains(text, "oh no") || strings.Contains(text, "broken") {
			t.Errorf("%s: got %s, %q, want %d", tt.what, got.Status, text, tt.want)
		}
		got.close()
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		got := c.client.send(t, method, "/change", nil, "X-User", "ann")
		if got.StatusCode != http.StatusMethodNotAllowed || got.Header.Get("Allow") != http.MethodPost {
			t.Errorf("%s: got %s, allowed %q, want 405 and POST", method, got.Status, got.Header.Get("Allow"))
		}
	}
	for _, s := range []*core.Stream{own, others, nobodys} {
		if got := s.Channels(); !slices.Equal(got, []string{"a"}) {
			t.Errorf("channels after all that: got %q, want a", got)
		}
	}
	// These are in order.
	for _, tt := range []struct {
		s      *core.Stream
		header []string
	}{
		{own, header{"Content-Type", "Application/JSON; charset=utf-8", "X-User", "ann"}},
		{nobodys, inJSON},
	} {
		if got := c.post(t, to(tt.s, add), tt.header...); got.StatusCode != http.StatusOK {
			t.Errorf("%q: got %s, want 200", tt.header, got.Status)
		}
	}
}
