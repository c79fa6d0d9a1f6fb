package core_test

import (
	"encoding/json"
	"errors"
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

// changing is an endpoint for changes, with a stream that has the channel a.
type changing struct {
	stream *core.Stream
	asked  [][]string // what was to be added

	endpoint *core.Endpoint
}

func newChanging(t *testing.T) *changing {
	t.Helper()
	hub := openHub(t, core.HubConfig{})
	c := new(changing)
	opened := make(chan *core.Stream, 1)
	gate := core.NewGate(hub, core.GateConfig{Heartbeat: -1, Middleware: []core.Middleware{func(s *core.Handshake) error {
		s.OnOpen(func() { opened <- s.Stream })
		return nil
	}}})
	b := connect(t, gate.Subscribe("a"))
	c.stream = <-opened
	b.conn.waitFor("id: ") // it is subscribed
	c.endpoint = gate.ChangeChannels(func(_ *core.Stream, add []string) error {
		c.asked = append(c.asked, slices.Clone(add))
		add[0] = "not this one"
		return nil
	})
	return c
}

// post asks for a change of the stream with this ID.
func (c *changing) post(t *testing.T, id string, add, remove []string) *httptest.ResponseRecorder {
	t.Helper()
	body, err := json.Marshal(map[string]any{"stream": id, "add": add, "remove": remove})
	if err != nil {
		t.Fatal(err)
	}
	return c.send(t, strings.ReplaceAll(string(body), "é", `\u00e9`))
}

func (c *changing) send(t *testing.T, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	c.endpoint.ServeHTTP(w, r)
	return w
}

// What a request to change channels says is checked before it is asked whether
// that is allowed, and before it is looked which stream it is about.
func TestChangeRequestInOrder(t *testing.T) {
	t.Parallel()
	c := newChanging(t)
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
		for _, id := range []string{c.stream.ID(), strings.Repeat("0", 32), "none"} {
			if got := c.post(t, id, tt.add, tt.remove); got.Code != tt.want {
				t.Errorf("%s, stream %s: got %d, want %d", what, id, got.Code, tt.want)
			}
		}
	}
	if len(c.asked) != 0 {
		t.Errorf("asked whether it may: got %d times, want none", len(c.asked))
	}
	if got := c.stream.Channels(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("channels: got %q, want a", got)
	}
}

// A change of as many and as long names as there can be fits, in JSON that
// escapes them all.
func TestChangeRequestOfTheLargestKind(t *testing.T) {
	t.Parallel()
	c := newChanging(t)
	all := longNames(core.MaxChannels, core.MaxChannelBytes)
	if got := c.post(t, c.stream.ID(), all, longNames(core.MaxChannels, core.MaxChannelBytes-2)); got.Code != http.StatusBadRequest {
		t.Errorf("one channel too many, with the one that is there: got %d, want 400", got.Code)
	}
	remove := append([]string{"a"}, longNames(core.MaxChannels-1, core.MaxChannelBytes-2)...)
	if got := c.post(t, c.stream.ID(), all, remove); got.Code != http.StatusOK {
		t.Fatalf("got %d, %s, want 200", got.Code, got.Body)
	}
	if got := c.stream.Channels(); !slices.Equal(got, all) {
		t.Errorf("channels: got %d, want the %d added", len(got), len(all))
	}
}

// A name that stands twice in a list is asked about once, and what the function
// does to the list that it is given changes nothing.
func TestChangeRequestAsksOnce(t *testing.T) {
	t.Parallel()
	c := newChanging(t)
	if got := c.post(t, c.stream.ID(), []string{"c", "b", "c"}, []string{"a", "a"}); got.Code != http.StatusOK {
		t.Fatalf("got %d, want 200", got.Code)
	}
	if want := []string{"b", "c"}; len(c.asked) != 1 || !slices.Equal(c.asked[0], want) {
		t.Errorf("asked about: got %q, want %q", c.asked, want)
	}
	if got, want := c.stream.Channels(), []string{"b", "c"}; !slices.Equal(got, want) {
		t.Errorf("channels: got %q, want %q", got, want)
	}
}

func TestChangeChannelsRefuses(t *testing.T) {
	t.Parallel()
	c := newChanging(t)
	s := c.stream
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
