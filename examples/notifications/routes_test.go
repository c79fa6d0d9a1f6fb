package notifications_test

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
	"github.com/tidings-go/tidings/examples/notifications"
)

const api, stream = "/api/notifications", "/api/notifications/stream"

// start starts a program on a file of its own.
func start(t *testing.T, framework string) *sampletest.Program {
	t.Helper()
	return sampletest.Start(t, framework, "-db", file(t))
}

// file returns the name of a file that is not there yet.
func file(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "notifications.db")
}

// pushed is the answer to a push.
type pushed struct {
	ID    string `json:"id"`
	Error string `json:"error"`
}

// push pushes a value, which is JSON, and returns the ID.
func push(t *testing.T, p *sampletest.Program, value string) string {
	t.Helper()
	got := sampletest.AskWith(t, http.MethodPost, p.URL+api, `{"value":`+value+`}`, "Content-Type", "application/json")
	var answer pushed
	err := json.Unmarshal([]byte(got.Text), &answer)
	if got.StatusCode != http.StatusCreated || err != nil || answer.ID == "" || got.Text != `{"id":"`+answer.ID+`"}` {
		t.Fatalf("pushing %s: got %s, %s, want 201 and an ID", value, got.Status, got.Text)
	}
	return answer.ID
}

// check checks that an event is a notification with that ID and value.
func check(t *testing.T, ev core.Event, id, value string) {
	t.Helper()
	var n notifications.Notification
	err := json.Unmarshal([]byte(ev.Data), &n)
	if err != nil || ev.Name != "statusupdate" || ev.ID != id || n.ID != id || string(n.Value) != value {
		t.Errorf("got %+v, want %s as %s", ev, value, id)
	}
}

func TestPush(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := start(t, framework)
			one, other := sampletest.Open(t, p.URL+stream), sampletest.Open(t, p.URL+stream)
			values := []string{`"disk is full"`, `42`, `{"a":[1,2.50]}`, `true`}
			ids := make([]string, len(values))
			for i, value := range values {
				ids[i] = push(t, p, value)
				check(t, one.Next(), ids[i], value)
				check(t, other.Next(), ids[i], value)
			}
			last := sampletest.Open(t, p.URL+stream+"?last=2")
			check(t, last.Next(), ids[2], values[2])
			check(t, last.Next(), ids[3], values[3])
			resumed := sampletest.Open(t, p.URL+stream+"?last=1&lastEventId="+ids[0])
			for i := 1; i < len(ids); i++ {
				check(t, resumed.Next(), ids[i], values[i])
			}
			lost := sampletest.Open(t, p.URL+stream, "Last-Event-ID", "nonsense").Next()
			if lost.Name != core.ResetEvent {
				t.Errorf("after an unknown ID: got %+v, want a reset", lost)
			}
			p.Interrupt(one, other, last, resumed)
		})
	}
}

// TestLatest checks that the list of the last notifications and the stream after
// it are one.
func TestLatest(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := start(t, framework)
			var ids []string
			for n := range 30 {
				var latest core.State[[]notifications.Notification]
				got := sampletest.Ask(t, http.MethodGet, p.URL+api)
				if err := json.Unmarshal([]byte(got.Text), &latest); err != nil || got.StatusCode != http.StatusOK || latest.State == nil {
					t.Fatalf("the last ones: got %s, %s, want a list", got.Status, got.Text)
				}
				var listed []string
				for _, one := range latest.State {
					listed = append(listed, one.ID)
				}
				if want := ids[max(0, n-20):]; !slices.Equal(listed, want) {
					t.Errorf("after %d: got %v, want %v", n, listed, want)
				}
				value := strconv.Itoa(n)
				ids = append(ids, push(t, p, value))
				s := sampletest.Open(t, p.URL+stream+"?lastEventId="+latest.LastEventID)
				check(t, s.Next(), ids[n], value)
				s.Cut()
			}
		})
	}
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := start(t, framework)
			const html, events = "text/html; charset=utf-8", "text/event-stream"
			for _, tt := range []struct {
				method, path string
				status       int
				about        string // the type, or what is allowed
			}{
				{"GET", "/", 200, html},
				{"HEAD", "/", 200, html},
				{"HEAD", stream, 200, events},
				{"GET", stream + "?last=nonsense", 400, "text/plain; charset=utf-8"},
				{"GET", stream + "?last=-1", 400, "text/plain; charset=utf-8"},
				{"POST", "/", 405, "GET, HEAD"},
				{"POST", stream, 405, "GET, HEAD"},
				{"DELETE", stream, 405, "GET, HEAD"},
				{"GET", "/tidings.js", 200, "text/javascript; charset=utf-8"},
				{"HEAD", "/tidings.js", 200, "text/javascript; charset=utf-8"},
				{"GET", api, 200, ""},
				{"HEAD", api, 200, ""},
				{"PUT", api, 405, "GET, HEAD, POST"},
				{"GET", api + "/nothing", 404, ""},
			} {
				got := sampletest.Ask(t, tt.method, p.URL+tt.path)
				about := got.Header.Get("Content-Type")
				if tt.status == 405 {
					about = got.Header.Get("Allow")
				}
				if got.StatusCode != tt.status || tt.about != "" && about != tt.about {
					t.Errorf("%s %s: got %s, %q, want %d, %q", tt.method, tt.path, got.Status, about, tt.status, tt.about)
				}
			}
			if got := sampletest.Ask(t, http.MethodGet, p.URL+"/"); got.Text != string(notifications.Page()) {
				t.Errorf("GET /: got %d bytes, want the page", len(got.Text))
			}
		})
	}
}

// TestBadPush checks that what cannot be pushed is refused, and not published.
func TestBadPush(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := start(t, framework)
			all := sampletest.Open(t, p.URL+stream)
			frame := len(`{"value":""}`)
			refused := func(got sampletest.Answer, body string, want int) {
				t.Helper()
				var answer pushed
				err := json.Unmarshal([]byte(got.Text), &answer)
				if got.StatusCode != want || err != nil || answer.Error == "" {
					t.Errorf("pushing %.30q: got %s, %s, want %d and an error in JSON", body, got.Status, got.Text, want)
				}
			}
			for _, body := range badBodies() {
				refused(sampletest.AskWith(t, http.MethodPost, p.URL+api, body), body, http.StatusBadRequest)
			}
			long := `{"value":"` + strings.Repeat("x", notifications.MaxBody-frame+1) + `"}`
			refused(sampletest.AskWith(t, http.MethodPost, p.URL+api, long), long, http.StatusRequestEntityTooLarge)
			if got := chunked(t, p.URL+api, long); got != http.StatusRequestEntityTooLarge {
				t.Errorf("pushing too much without saying how much: got status %d, want 413", got)
			}
			largest := `"` + strings.Repeat("x", notifications.MaxBody-frame) + `"`
			id := push(t, p, largest)
			check(t, all.Next(), id, largest)
		})
	}
}

// chunked posts a body whose length it does not say, and returns the status.
func chunked(t *testing.T, url, body string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), sampletest.Patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, struct{ *strings.Reader }{strings.NewReader(body)})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := sampletest.Client(t).Do(r)
	if err != nil {
		t.Fatalf("POST %s: got error %v, want a response", url, err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}
