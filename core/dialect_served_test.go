//nolint:thelper // These are tests: a failure is at a line of theirs.
package core_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// dialectCase is a dialect, and what stands on the wire in it.
type dialectCase struct {
	name    string
	dialect core.Dialect
	accept  string
	prelude []string // with the position %s
	event   string   // with the ID row 1, the name n, and the data "a\nb"
	json    string   // with the ID row 2, and the data "{\n\"a\": 1}"
	beat    string
	reset   string // with the position %s
}

const preludeOf = "retry: 3000\n\n"

var dialectCases = []dialectCase{
	{
		name: "default", accept: "text/event-stream",
		prelude: []string{preludeOf, ": open\n\n", "id: %s\n\n"},
		event:   "event: n\ndata: a\ndata: b\nid: row 1\n\n", json: "data: {\ndata: \"a\": 1}\nid: row 2\n\n",
		beat: ": \n\n", reset: "event: reset\ndata: {\"reason\":\"unknown\",\"oldest\":\"%s\",\"newest\":\"%[1]s\"}\nid: %[1]s\n\n",
	},
	{
		name: "position and heartbeat in events", accept: "*/*",
		dialect: core.Dialect{
			Position: core.PositionInEvent, PositionEvent: core.Event{Name: "at", Data: "{}", ID: "ignored"},
			Heartbeat: core.Event{Name: "ping", ID: "ignored"},
			Reset: func(gap *core.GapError) core.Event {
				return core.Event{ID: "ignored", Name: "lost", Data: string(gap.Reason)}
			},
		},
		prelude: []string{preludeOf, ": open\n\n", "event: at\ndata: {}\nid: %s\n\n"},
		event:   "event: n\ndata: a\ndata: b\nid: row 1\n\n", json: "data: {\ndata: \"a\": 1}\nid: row 2\n\n",
		beat: "event: ping\ndata: \n\n", reset: "event: lost\ndata: unknown\nid: %s\n\n",
	},
	{
		name: "IDs first", dialect: core.Dialect{IDFirst: true, Position: core.NoPosition},
		prelude: []string{preludeOf, ": open\n\n"},
		event:   "id: row 1\nevent: n\ndata: a\ndata: b\n\n", json: "id: row 2\ndata: {\ndata: \"a\": 1}\n\n",
		beat: ": \n\n", reset: "id: %s\nevent: reset\ndata: {\"reason\":\"unknown\",\"oldest\":\"%[1]s\",\"newest\":\"%[1]s\"}\n\n",
	},
	{
		name: "TanStack AI", dialect: core.TanStackAI(),
		prelude: []string{preludeOf, ": open\n\n"},
		event:   "id: row 1\nevent: n\ndata: \"a\\nb\"\n\n", json: "id: row 2\ndata: {\"a\":1}\n\n",
		beat: ": \n\n", reset: "id: %s\ndata: {\"message\":\"events are missing: unknown\",\"type\":\"RUN_ERROR\"}\n\n",
	},
	{
		name: "AI SDK", dialect: core.AISDK(),
		prelude: []string{preludeOf, ": open\n\n"},
		event:   "event: n\ndata: a\ndata: b\nid: row 1\n\n", json: "data: {\ndata: \"a\": 1}\nid: row 2\n\n",
		beat: ": \n\n", reset: "data: {\"errorText\":\"events are missing: unknown\",\"type\":\"error\"}\nid: %s\n\n",
	},
	{
		name: "JSON Lines", dialect: core.Dialect{Format: core.JSONLines, Heartbeat: core.Event{Data: `{"beat": true}`}},
		accept: "application/x-ndjson", event: "\"a\\nb\"\n", json: "{\"a\":1}\n", beat: "{\"beat\":true}\n",
	},
	{
		name: "JSON Lines with IDs", dialect: core.Dialect{Format: core.JSONLines, Envelope: true},
		accept: "application/x-ndjson, text/event-stream;q=0.9", prelude: []string{"{\"id\":\"%s\"}\n"},
		event: "{\"id\":\"row 1\",\"event\":\"n\",\"data\":\"a\\nb\"}\n", json: "{\"id\":\"row 2\",\"data\":{\"a\":1}}\n",
		beat:  "\n",
		reset: "{\"id\":\"%s\",\"event\":\"reset\",\"data\":{\"reason\":\"unknown\",\"oldest\":\"%[1]s\",\"newest\":\"%[1]s\"}}\n",
	},
}

// wantRaw reads as many bytes as the text has, which must be the text.
func wantRaw(t *testing.T, what string, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("%s: got %q and %v, want %q", what, got[:n], err, want)
	}
}

// servedDialects reads the same channel in each dialect, live, replayed and after
// a gap. The streams of all dialects are open at the same time.
func servedDialects(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	for i, d := range dialectCases {
		gate := f.Gate(core.GateConfig{Dialects: []core.Dialect{d.dialect}})
		f.Get(fmt.Sprintf("/%d", i), gate.Subscribe("news"))
		gate = f.Gate(core.GateConfig{Dialects: []core.Dialect{d.dialect}, Heartbeat: 20 * time.Millisecond})
		f.Get(fmt.Sprintf("/%d/beats", i), gate.Subscribe("other"))
	}
	f.Start(t)
	c := f.Client(t)
	at := f.Publish(t, "news", core.Event{Data: "first"})[0]
	opened := make([]*ssetest.Reply, 0, 3*len(dialectCases))
	for i, d := range dialectCases {
		for range 3 { // several share what a shard encodes
			r := c.Open(t, fmt.Sprintf("/%d", i), "Accept", d.accept)
			if got := r.Header.Get("Content-Type"); got != d.dialect.Format.String() {
				t.Errorf("%s: got type %q, want %q", d.name, got, d.dialect.Format)
			}
			for _, want := range d.prelude {
				wantRaw(t, d.name, r.Body, expand(want, at))
			}
			opened = append(opened, r)
		}
	}
	f.Streams(t, len(opened))
	f.Publish(t, "news", core.Event{ID: "row 1", Name: "n", Data: "a\nb"}, core.Event{ID: "row 2", Data: "{\n\"a\": 1}"})
	for i, r := range opened {
		d := dialectCases[i/3]
		wantRaw(t, d.name+", live", r.Body, d.event+d.json)
		r.Cancel()
	}
	for i, d := range dialectCases {
		path := fmt.Sprintf("/%d", i)
		r := c.Open(t, path, "Accept", d.accept, "Last-Event-ID", at)
		for _, want := range d.prelude {
			wantRaw(t, d.name+", resumed", r.Body, expand(want, at))
		}
		wantRaw(t, d.name+", replayed", r.Body, d.event+d.json)
		wantRaw(t, d.name+", heartbeats", silent(t, c.Open(t, path+"/beats", "Accept", d.accept), d), d.beat+d.beat)
	}
}

// expand puts a position into a text.
func expand(text, at string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	return fmt.Sprintf(text, at)
}

// silent returns the rest of a reply, after its prelude.
func silent(t *testing.T, r *ssetest.Reply, d dialectCase) io.Reader {
	for range d.prelude {
		if d.dialect.Format == core.EventStream {
			_ = r.MustBlock(t)
			continue
		}
		line := make([]byte, 1)
		for line[0] != '\n' {
			wantRead(t, r.Body, line)
		}
	}
	if d.dialect.Format == core.EventStream {
		return strings.NewReader(r.MustBlock(t) + r.MustBlock(t))
	}
	return r.Body
}

func wantRead(t *testing.T, r io.Reader, p []byte) {
	if _, err := io.ReadFull(r, p); err != nil {
		t.Fatalf("read: %v", err)
	}
}

// servedResets resumes after an ID that is not known, and checks how a gap is
// told in each dialect.
func servedResets(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	for i, d := range dialectCases {
		f.Get(fmt.Sprintf("/%d", i), f.Gate(core.GateConfig{Dialects: []core.Dialect{d.dialect}}).Subscribe("news"))
	}
	ends := core.Dialect{EndOnReset: true}
	f.Get("/ends", f.Gate(core.GateConfig{Dialects: []core.Dialect{ends}}).Subscribe("news"))
	broken := core.Dialect{Reset: func(*core.GapError) core.Event { panic("broken") }}
	f.Get("/broken", f.Gate(core.GateConfig{Dialects: []core.Dialect{broken}}).Subscribe("news"))
	forging := core.Dialect{Reset: func(*core.GapError) core.Event { return core.Event{Name: "a\ndata: forged"} }}
	f.Get("/forging", f.Gate(core.GateConfig{Dialects: []core.Dialect{forging}}).Subscribe("news"))
	f.Start(t)
	c := f.Client(t)
	at := f.Publish(t, "news", core.Event{Data: "first"})[0]
	for i, d := range dialectCases {
		path := fmt.Sprintf("/%d", i)
		if d.reset == "" { // bare lines cannot tell of it
			wantGone(t, f, c, path, "Accept", d.accept)
			continue
		}
		r := c.Open(t, path, "Accept", d.accept, "Last-Event-ID", "no such ID")
		if d.dialect.Format == core.EventStream {
			wantRaw(t, d.name, r.Body, preludeOf+": open\n\n")
		}
		wantRaw(t, d.name+", reset", r.Body, expand(d.reset, at))
		r.Cancel()
		f.Closed(t)
	}
	wantGone(t, f, c, "/ends")
	for path, want := range map[string]error{"/broken": core.ErrPanic, "/forging": nil} {
		r, err := c.Do(http.MethodGet, path, nil, "Last-Event-ID", "no such ID")
		if err == nil {
			if body, _ := io.ReadAll(r.Body); len(body) > 0 {
				t.Errorf("%s: got %q, want nothing", path, body)
			}
			r.Cancel()
		}
		reason := f.Closed(t).Reason
		if want == nil {
			if !errors.As(reason, new(*core.FieldError)) {
				t.Errorf("%s: got reason %v, want a FieldError", path, reason)
			}
		} else if !errors.Is(reason, want) {
			t.Errorf("%s: got reason %v, want %v", path, reason, want)
		}
	}
}

// wantGone resumes after an ID that is not known, and is refused.
func wantGone(t *testing.T, f *ssetest.Fixture, c *ssetest.Client, path string, header ...string) {
	r := c.Get(t, path, append(header, "Last-Event-ID", "no such ID")...)
	if r.StatusCode != http.StatusGone {
		t.Errorf("%s: got %s, want 410", path, r.Status)
	}
	reason := f.Closed(t).Reason
	var gap *core.GapError
	if !errors.Is(reason, core.ErrReset) || !errors.As(reason, &gap) {
		t.Errorf("%s: got reason %v, want %v with the gap", path, reason, core.ErrReset)
	}
}

// servedEnds ends streams in order and otherwise.
func servedEnds(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{Dialects: []core.Dialect{
		core.AISDK(), {Format: core.JSONLines, Last: `{"done": true}`}, {Format: core.JSONArray, Envelope: true},
	}})
	f.Get("/handler", gate.Handle(func(s *core.Sender) error {
		err := s.Send(core.Event{ID: "1", Data: "1"}, core.Event{Data: "two"})
		if s.Request().URL.Query().Has("fail") {
			err = errors.New("failed on purpose")
		}
		return err
	}))
	f.Get("/once", gate.OneShot(func(h *core.Handshake) (core.Event, error) {
		return core.Event{Data: "two"}, h.Send(core.Event{ID: "1", Data: "1"})
	}))
	f.Get("/sub", gate.Subscribe("news"))
	f.Start(t)
	c := f.Client(t)
	sse := "data: 1\nid: 1\n\ndata: two\n\n"
	for _, tt := range []struct{ accept, open, body, closing string }{
		{"text/event-stream", preludeOf + ": open\n\n", sse, "data: [DONE]\n\n"},
		{"application/x-ndjson", "", "1\n\"two\"\n", "{\"done\":true}\n"},
		{"application/json", "[\n", "{\"id\":\"1\",\"data\":1}\n,{\"data\":\"two\"}\n", "]\n"},
	} {
		get := func(path string) *ssetest.Reply {
			r := c.Open(t, path, "Accept", tt.accept)
			if got := r.Header.Values("Vary"); r.Header.Get("Content-Type") != tt.accept || !strings.Contains(strings.Join(got, ","), "Accept") {
				t.Errorf("%s: got type %q and Vary %q", tt.accept, r.Header.Get("Content-Type"), got)
			}
			return r
		}
		wantBody(t, get("/handler"), tt.open+tt.body+tt.closing)
		wantBody(t, get("/handler?fail"), tt.open+tt.body)
		once := tt.body + tt.closing
		if tt.accept == "application/json" {
			once = tt.open + once
		}
		wantBody(t, get("/once"), once)
		for range 3 {
			f.Closed(t)
		}
	}
	if r := c.Get(t, "/sub", "Accept", "application/json"); r.StatusCode != http.StatusNotAcceptable {
		t.Errorf("a subscription as an array: got %s, want 406", r.Status)
	}
	for accept, closing := range map[string]string{"*/*": "data: [DONE]\n\n", "application/x-ndjson": "{\"done\":true}\n"} {
		r := c.Open(t, "/sub", "Accept", accept)
		s := ssetest.Receive(t, f.Opened, "subscription")
		for len(s.Channels()) == 0 {
			s = ssetest.Receive(t, f.Opened, "subscription")
		}
		_ = s.Close()
		if body := r.Text(t); !strings.HasSuffix(body, closing) {
			t.Errorf("%s: got %q, want the end %q", accept, body, closing)
		}
		f.Closed(t)
	}
}

// wantBody reads a body to its end, which may look cut off.
func wantBody(t *testing.T, r *ssetest.Reply, want string) {
	t.Helper()
	if got, _ := io.ReadAll(r.Body); string(got) != want {
		t.Errorf("body: got %q, want %q", got, want)
	}
}

// servedLongDialects reads more than a socket takes, replayed and live, in dialects
// for which entries are encoded again.
func servedLongDialects(t *testing.T, e ssetest.Env) {
	const before, during = 600, 300
	f := ssetest.New(t, e, core.HubConfig{
		RingEvents: 64, PageBytes: 16 << 10, Store: core.NewMemoryStore(core.Retention{Events: -1, Bytes: -1}),
	})
	dialects := []core.Dialect{{IDFirst: true}, core.TanStackAI(), {Format: core.JSONLines, Envelope: true}}
	for i, d := range dialects {
		f.Get(fmt.Sprintf("/%d", i), f.Gate(core.GateConfig{Start: core.Earliest(), Dialects: []core.Dialect{d}}).Subscribe("a"))
	}
	f.Start(t)
	var ids []string
	publish := func() {
		data := fmt.Sprintf(`{"n":%d,"padding":"%s"}`, len(ids), strings.Repeat("x", 2000))
		ids = append(ids, f.Publish(t, "a", core.Event{Data: data})...)
	}
	for range before {
		publish()
	}
	items := make([]func() (id string, n int), len(dialects))
	for i, d := range dialects {
		r := f.NarrowClient(t, 8<<10, 64<<10).Open(t, fmt.Sprintf("/%d", i), "Accept", d.Format.String())
		items[i] = itemsOf(t, r, d)
	}
	for n := range before + during {
		if n < during {
			publish()
		}
		for i, next := range items {
			if id, got := next(); id != ids[n] || got != n {
				t.Fatalf("dialect %d: got event %d with ID %s, want %d with %s", i, got, id, n, ids[n])
			}
		}
	}
}

// itemsOf returns a function that reads the next event of a reply.
func itemsOf(t *testing.T, r *ssetest.Reply, d core.Dialect) func() (id string, n int) {
	type payload struct {
		N int `json:"n"`
	}
	lines := json.NewDecoder(r.Body)
	return func() (string, int) {
		if d.Format == core.JSONLines {
			var line struct {
				ID   string  `json:"id"`
				Data payload `json:"data"`
			}
			if err := lines.Decode(&line); err != nil {
				t.Fatalf("line: %v", err)
			}
			return line.ID, line.Data.N
		}
		ev := r.Event(t)
		var data payload
		if err := json.Unmarshal([]byte(ev.Data), &data); err != nil {
			t.Fatalf("data %q: %v", ev.Data, err)
		}
		return ev.ID, data.N
	}
}
