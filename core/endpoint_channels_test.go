package core_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// longNames returns n different names of that many bytes, which JSON may escape.
func longNames(n, size int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = strings.Repeat("é", (size-4)/2) + numbers(1000+i, 1000+i)[0]
	}
	return all
}

// changeFixture is an endpoint for changes, with streams to change.
type changeFixture struct {
	stream *core.Stream // without an identity, on channel a
	asked  [][]string   // the channels to add, by call

	gate     *core.Gate
	endpoint *core.Endpoint
	opened   chan *core.Stream
	closes   chan core.Summary
}

func newChangeFixture(t *testing.T) *changeFixture {
	t.Helper()
	f := &changeFixture{opened: make(chan *core.Stream, 1), closes: make(chan core.Summary, 100)}
	f.gate = core.NewGate(openHub(t, core.HubConfig{}), core.GateConfig{Heartbeat: -1, Middleware: []core.Middleware{func(h *core.Handshake) error {
		h.OnOpen(func() { f.opened <- h.Stream })
		h.OnClose(func(sum core.Summary) { f.closes <- sum })
		user := h.Request().Header.Get("X-User")
		h.SetIdentity(user)
		if user == "mallory" {
			return core.Refuse(http.StatusUnauthorized, "Not you.")
		}
		return nil
	}}})
	var c *memClient
	f.stream, c = f.open(t, f.gate.Subscribe("a"), "")
	c.conn.waitFor("id: ") // it is subscribed
	f.endpoint = f.gate.ChangeChannels(func(_ *core.Stream, add []string) error {
		f.asked = append(f.asked, slices.Clone(add))
		switch add[0] {
		case "secret":
			return core.Refuse(http.StatusForbidden, "Not for you.")
		case "broken":
			return errors.New("broken")
		case "panic":
			panic("oh no")
		}
		add[0] = "not this one"
		return nil
	})
	return f
}

// open opens a stream with this identity.
func (f *changeFixture) open(t *testing.T, e *core.Endpoint, user string) (*core.Stream, *memClient) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := newRequest(t, ctx)
	r.Header.Set("X-User", user)
	c := connectAs(t, e, r, cancel, newMemConn())
	return <-f.opened, c
}

// post asks for a change of the stream with this ID.
func (f *changeFixture) post(t *testing.T, id string, add, remove []string) *httptest.ResponseRecorder {
	t.Helper()
	body, err := json.Marshal(map[string]any{"stream": id, "add": add, "remove": remove})
	if err != nil {
		t.Fatal(err)
	}
	return f.send(t, http.MethodPost, strings.ReplaceAll(string(body), "é", `\u00e9`), "Content-Type", "application/json")
}

// send sends a request. The header is names and values in turn.
func (f *changeFixture) send(t *testing.T, method, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/", strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.endpoint.ServeHTTP(w, r)
	return w
}

func TestChangeRequest(t *testing.T) {
	t.Parallel()
	f := newChangeFixture(t)
	s, _ := f.open(t, f.gate.Subscribe("a"), "ann")
	for _, tt := range []struct{ body, want string }{
		{`{"stream": %q, "add": ["b"]}`, `["a","b"]`},
		{`{"stream": %q}`, `["a","b"]`},
		{`{"stream": %q, "add": ["b", "c"], "remove": ["a"]}`, `["b","c"]`},
		{`{"stream": %q, "remove": ["b", "c", "none"]}`, `[]`},
		{`{"stream": %q, "add": ["é 世界"], "remove": null} `, `["é 世界"]`},
	} {
		got := f.send(t, http.MethodPost, fmt.Sprintf(tt.body, s.ID()), "Content-Type", "Application/JSON; charset=utf-8", "X-User", "ann")
		if want := `{"channels":` + tt.want + "}"; got.Code != http.StatusOK || strings.TrimSpace(got.Body.String()) != want {
			t.Errorf("%s: got %d, %s, want 200 and %s", tt.body, got.Code, got.Body, want)
		}
		if kind, cache := got.Header().Get("Content-Type"), got.Header().Get("Cache-Control"); kind != "application/json" || cache != "no-store" {
			t.Errorf("%s: got %q, %q, want application/json and no-store", tt.body, kind, cache)
		}
		if sum := <-f.closes; sum.Opened || !errors.Is(sum.Reason, core.ErrChanged) {
			t.Errorf("%s, summary of the request: got %+v, want one that did not open, and ErrChanged", tt.body, sum)
		}
	}
	if got := s.Channels(); len(f.asked) != 3 || !slices.Equal(got, []string{"é 世界"}) {
		t.Errorf("asked %d times, channels %q, want 3 and the last", len(f.asked), got)
	}
	if got := f.gate.Hub().Stats().Streams; got != 2 {
		t.Errorf("open streams: got %d, want 2", got)
	}
}

func TestChangeRequestRefused(t *testing.T) {
	t.Parallel()
	f := newChangeFixture(t)
	own, _ := f.open(t, f.gate.Subscribe("a"), "ann")
	others, _ := f.open(t, f.gate.Subscribe("a"), "bob")
	handlers, _ := f.open(t, f.gate.Handle(waitForEnd), "ann")
	over, c := f.open(t, f.gate.Subscribe("a"), "ann")
	c.hangUp()
	<-c.done
	<-f.closes
	to := func(s *core.Stream, rest string) string { return fmt.Sprintf(`{"stream": %q%s}`, s.ID(), rest) }
	const add, inJSON, form = `, "add": ["b"]`, "application/json", "application/x-www-form-urlencoded"
	for _, tt := range []struct {
		what, body, user, kind string
		want                   int
	}{
		{"no body", "", "ann", inJSON, 400},
		{"half an object", `{"stream": `, "ann", inJSON, 400},
		{"a list", `[]`, "ann", inJSON, 400},
		{"null", `null`, "ann", inJSON, 400},
		{"nothing in it", `{}`, "ann", inJSON, 400},
		{"no stream", `{"add": ["b"]}`, "ann", inJSON, 400},
		{"a number", `{"stream": 5}`, "ann", inJSON, 400},
		{"no list", to(own, `, "add": "b"`), "ann", inJSON, 400},
		{"other members", to(own, `, "ad": ["b"]`), "ann", inJSON, 400},
		{"two objects", to(own, add) + "{}", "ann", inJSON, 400},
		{"not allowed", to(own, `, "add": ["secret"]`), "ann", inJSON, 403},
		{"an error", to(own, `, "add": ["broken"]`), "ann", inJSON, 500},
		{"a panic", to(own, `, "add": ["panic"]`), "ann", inJSON, 500},
		{"a private channel that is gone", to(own, `, "add": ["~`+strings.Repeat("A", 26)+`"]`), "ann", inJSON, 404},
		{"no such stream", `{"stream": "00112233445566778899aabbccddeeff", "add": ["b"]}`, "ann", inJSON, 404},
		{"no ID", `{"stream": "x", "add": ["b"]}`, "ann", inJSON, 404},
		{"capitals", fmt.Sprintf(`{"stream": %q%s}`, strings.ToUpper(own.ID()), add), "ann", inJSON, 404},
		{"a stream of another identity", to(others, add), "ann", inJSON, 404},
		{"a stream without an identity", to(f.stream, add), "ann", inJSON, 404},
		{"without an identity, of a stream with one", to(own, add), "", inJSON, 404},
		{"a stream that has ended", to(over, add), "ann", inJSON, 404},
		{"a stream of a handler", to(handlers, add), "ann", inJSON, 409},
		{"no content type", to(own, add), "ann", "", 415},
		{"a form", to(own, add), "ann", form, 415},
		{"text", to(own, add), "ann", "text/plain; application/json", 415},
		{"half a content type", to(own, add), "ann", "application/json; charset", 415},
		{"refused by the middleware", to(own, add), "mallory", inJSON, 401},
	} {
		got := f.send(t, http.MethodPost, tt.body, "Content-Type", tt.kind, "X-User", tt.user)
		if text := got.Body.String(); got.Code != tt.want || strings.Contains(text, "oh no") || strings.Contains(text, "broken") {
			t.Errorf("%s: got %d, %q, want %d", tt.what, got.Code, text, tt.want)
		}
		if got.Code == http.StatusUnsupportedMediaType {
			continue // refused before the middleware
		}
		if sum := <-f.closes; sum.Opened {
			t.Errorf("%s, summary of the request: got %+v, want one that did not open", tt.what, sum)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		if got := f.send(t, method, "", "X-User", "ann"); got.Code != http.StatusMethodNotAllowed || got.Header().Get("Allow") != http.MethodPost {
			t.Errorf("%s: got %d, allowed %q, want 405 and POST", method, got.Code, got.Header().Get("Allow"))
		}
	}
	for _, s := range []*core.Stream{own, others, f.stream} {
		if got := s.Channels(); !slices.Equal(got, []string{"a"}) {
			t.Errorf("channels after the refusals: got %q, want a", got)
		}
	}
}

// The content of a request is checked before the function that allows changes is
// called, and before the stream is looked up.
func TestChangeRequestInOrder(t *testing.T) {
	t.Parallel()
	f := newChangeFixture(t)
	const most = core.MaxChannels
	for what, tt := range map[string]struct {
		add, remove []string
		want        int
	}{
		"too many to add":           {longNames(most+1, 8), nil, http.StatusBadRequest},
		"too many to remove":        {[]string{"b"}, longNames(most+1, 8), http.StatusBadRequest},
		"the same too often":        {slices.Repeat([]string{"b"}, most+1), nil, http.StatusBadRequest},
		"a bad name to add":         {[]string{"b", ""}, nil, http.StatusBadRequest},
		"a bad name to remove":      {[]string{"b"}, []string{"\n"}, http.StatusBadRequest},
		"200,000 names":             {slices.Repeat([]string{"b"}, 200_000), nil, http.StatusRequestEntityTooLarge},
		"a long name":               {[]string{strings.Repeat("x", core.MaxChangeBytes)}, nil, http.StatusRequestEntityTooLarge},
		"too long a name to be one": {[]string{strings.Repeat("x", core.MaxChannelBytes+1)}, nil, http.StatusBadRequest},
	} {
		for _, id := range []string{f.stream.ID(), strings.Repeat("0", 32), "none"} {
			if got := f.post(t, id, tt.add, tt.remove); got.Code != tt.want {
				t.Errorf("%s, stream %s: got %d, want %d", what, id, got.Code, tt.want)
			}
		}
	}
	if len(f.asked) != 0 {
		t.Errorf("asked whether it may: got %d times, want none", len(f.asked))
	}
	if got := f.stream.Channels(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("channels: got %q, want a", got)
	}
}

// The largest change, of as many and as long names as are allowed, fits into a
// request, even if JSON escapes every character.
func TestChangeRequestOfTheLargestKind(t *testing.T) {
	t.Parallel()
	f := newChangeFixture(t)
	all := longNames(core.MaxChannels, core.MaxChannelBytes)
	if got := f.post(t, f.stream.ID(), all, longNames(core.MaxChannels, core.MaxChannelBytes-2)); got.Code != http.StatusBadRequest {
		t.Errorf("one channel too many, with the one that is there: got %d, want 400", got.Code)
	}
	remove := append([]string{"a"}, longNames(core.MaxChannels-1, core.MaxChannelBytes-2)...)
	if got := f.post(t, f.stream.ID(), all, remove); got.Code != http.StatusOK {
		t.Fatalf("got %d, %s, want 200", got.Code, got.Body)
	}
	if got := f.stream.Channels(); !slices.Equal(got, all) {
		t.Errorf("channels: got %d, want the %d added", len(got), len(all))
	}
}

// The function that allows changes gets each name once, and may change its list.
func TestChangeRequestAsksOnce(t *testing.T) {
	t.Parallel()
	f := newChangeFixture(t)
	if got := f.post(t, f.stream.ID(), []string{"c", "b", "c"}, []string{"a", "a"}); got.Code != http.StatusOK {
		t.Fatalf("got %d, want 200", got.Code)
	}
	if want := []string{"b", "c"}; len(f.asked) != 1 || !slices.Equal(f.asked[0], want) {
		t.Errorf("asked about: got %q, want %q", f.asked, want)
	}
	if got, want := f.stream.Channels(), []string{"b", "c"}; !slices.Equal(got, want) {
		t.Errorf("channels: got %q, want %q", got, want)
	}
}

func TestChangeChannelsRefuses(t *testing.T) {
	t.Parallel()
	f := newChangeFixture(t)
	s := f.stream
	for what, tt := range map[string]struct {
		add, remove []string
		want        error
	}{
		"too many to add":         {longNames(core.MaxChannels+1, 8), nil, core.ErrTooLarge},
		"too many to remove":      {nil, longNames(core.MaxChannels+1, 8), core.ErrTooLarge},
		"the same too often":      {nil, slices.Repeat([]string{"a"}, core.MaxChannels+1), core.ErrTooLarge},
		"too many with the first": {longNames(core.MaxChannels, 8), nil, core.ErrTooLarge},
		"no name":                 {[]string{"b", ""}, []string{"a"}, core.ErrChannelName},
	} {
		if err := s.ChangeChannels(tt.add, tt.remove); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", what, err, tt.want)
		}
	}
	if got := s.Channels(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("channels: got %q, want a", got)
	}
	if err := s.ChangeChannels(nil, nil); err != nil {
		t.Errorf("nothing to change: got %v, want nil", err)
	}
}
