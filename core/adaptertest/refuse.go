//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

func testAccept(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	f.Get("/", f.Gate(core.GateConfig{}).Handle(func(*core.Sender) error { return nil }))
	f.Start(t)
	c := f.Client(t)
	for _, tt := range []struct {
		accept string
		want   int
	}{
		{"", http.StatusOK},
		{"text/html, Text/Event-Stream;q=0.1", http.StatusOK},
		{"text/event-stream;q=0, */*", http.StatusNotAcceptable},
	} {
		header := []string{"Accept", tt.accept}
		if tt.accept == "" {
			header = nil
		}
		r := c.Get(t, "/", header...)
		if r.StatusCode != tt.want {
			t.Errorf("Accept %q: got %s, want %d", tt.accept, r.Status, tt.want)
		}
		r.Text(t)
	}
}

func testLastEventID(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	f.Get("/", f.Gate(core.GateConfig{}).Handle(func(s *core.Sender) error {
		return s.Send(core.Event{Data: s.LastEventID()})
	}))
	f.Start(t)
	c := f.Client(t)
	long := strings.Repeat("x", core.MaxIDBytes)
	for _, tt := range []struct {
		name, path, header, want string
	}{
		{"none", "/", "", ""},
		{"header", "/", "a b;c é", "a b;c é"},
		{"query", "/?lastEventId=a%20b%26", "", "a b&"},
		{"query in capitals", "/?x=1&LASTEVENTID=shout", "", "shout"},
		{"query in lower case", "/?lasteventid=quiet", "", "quiet"},
		{"both", "/?lastEventId=query", "header", "header"},
		{"long", "/", long, long},
		{"long query", "/?lastEventId=" + long, "", long},
	} {
		r := c.Get(t, tt.path, ssetest.LastEventID(tt.header)...)
		if r.StatusCode != http.StatusOK {
			t.Errorf("%s: got %s, want 200", tt.name, r.Status)
			continue
		}
		if got := r.Event(t).Data; got != tt.want {
			t.Errorf("%s: got last event ID %q, want %q", tt.name, got, tt.want)
		}
		r.WantEnd(t)
	}
	for _, tt := range []struct{ name, path, header string }{
		{"too long", "/", long + "x"},
		{"too long in the query", "/?lastEventId=" + long + "x", ""},
		{"NUL", "/?lastEventId=a%00b", ""},
		{"CR", "/?lastEventId=a%0Db", ""},
		{"LF", "/?lastEventId=a%0Ab", ""},
		{"not UTF-8", "/?lastEventId=a%FFb", ""},
	} {
		r := c.Get(t, tt.path, ssetest.LastEventID(tt.header)...)
		if r.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: got %s, want 400", tt.name, r.Status)
		}
		r.Text(t)
	}
}

func testRefusals(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	refuse := func(path string, err error) {
		m := core.Middleware(func(s *core.Handshake) error {
			s.Header().Set("X-Before", "refusal")
			return err
		})
		f.Get(path, f.Gate(core.GateConfig{Middleware: []core.Middleware{m}}).Handle(wait))
		choose := func(*core.Handshake) (core.Subscription, error) { return core.Subscription{}, err }
		f.Get(path+"/choose", f.Gate(core.GateConfig{}).SubscribeFunc(choose))
		once := func(*core.Handshake) (core.Event, error) { return core.Event{}, err }
		f.Get(path+"/once", f.Gate(core.GateConfig{}).OneShot(once))
	}
	refuse("/401", &core.Refusal{
		Status: http.StatusUnauthorized, Message: "Who are you?",
		Header: http.Header{"WWW-Authenticate": {"Bearer"}}, Err: errors.New("a secret"),
	})
	refuse("/429", &core.Refusal{Status: http.StatusTooManyRequests, RetryAfter: 1500 * time.Millisecond})
	refuse("/302", &core.Refusal{Status: http.StatusFound, Header: http.Header{"Location": {"/elsewhere"}}})
	refuse("/204", core.Finished())
	refuse("/500", errors.New("a secret"))
	f.Start(t)
	c := f.Client(t)
	for _, tt := range []struct {
		path         string
		status       int
		body         string
		header, want string
	}{
		{"/401", http.StatusUnauthorized, "Who are you?\n", "Www-Authenticate", "Bearer"},
		{"/429", http.StatusTooManyRequests, "Too Many Requests\n", "Retry-After", "2"},
		{"/302", http.StatusFound, "Found\n", "Location", "/elsewhere"},
		{"/204", http.StatusNoContent, "", "", ""},
		{"/500", http.StatusInternalServerError, "Internal Server Error\n", "", ""},
	} {
		for _, path := range []string{tt.path, tt.path + "/choose", tt.path + "/once"} {
			r := c.Get(t, path, "X-Request-Id", "request-18")
			if r.StatusCode != tt.status {
				t.Errorf("GET %s: got %s, want %d", path, r.Status, tt.status)
			}
			if got := r.Text(t); got != tt.body {
				t.Errorf("GET %s, body: got %q, want %q", path, got, tt.body)
			}
			if got := r.Header.Get("Content-Type"); tt.body != "" && got != "text/plain; charset=utf-8" {
				t.Errorf("GET %s, Content-Type: got %q, want text/plain", path, got)
			}
			if got := r.Header.Get(tt.header); tt.header != "" && got != tt.want {
				t.Errorf("GET %s, header %s: got %q, want %q", path, tt.header, got, tt.want)
			}
			if got := r.Header.Get("X-Request-Id"); got != "request-18" {
				t.Errorf("GET %s, header X-Request-Id: got %q, want request-18", path, got)
			}
			if got := f.Closed(t); got.Opened {
				t.Errorf("GET %s, summary: got %+v, want one that says it was refused", path, got)
			}
		}
	}
	if !f.Log.Has("a secret", "status=500", "path=/500") {
		t.Error("log: got no line with the cause of the status 500")
	}
	f.Empty(t)
	// Over HTTP/2, the second request may come before the first one's connection
	// is back where the client looks for one.
	most := 2
	if e.Transport.HTTP1() {
		most = 1
	}
	if got := c.Conns(); got > most {
		t.Errorf("connections for all refusals: got %d, want %d at most", got, most)
	}
}
