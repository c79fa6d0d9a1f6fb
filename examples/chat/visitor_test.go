package chat_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

func TestMain(m *testing.M) { sampletest.Main(m) }

// fixture is what a test of one program has.
type fixture struct {
	t *testing.T
	p *sampletest.Program
}

// each runs a test with a program of each framework.
func each(t *testing.T, test func(fixture), args ...string) {
	t.Helper()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			test(fixture{t, sampletest.Start(t, framework, args...)})
		})
	}
}

// visitor is a client in the room.
type visitor struct {
	*sampletest.Stream

	t      *testing.T
	cookie string
	lastID string
}

func chatURL(p *sampletest.Program, name string) string {
	return p.URL + "/chat?username=" + url.QueryEscape(name)
}

// enter opens a stream under a name, with header fields in pairs. Without a
// cookie among them, the visitor gets one.
func enter(t *testing.T, p *sampletest.Program, name string, header ...string) *visitor {
	t.Helper()
	v := &visitor{Stream: sampletest.Open(t, chatURL(p, name), header...), t: t}
	if i := slices.Index(header, "Cookie"); i >= 0 {
		v.cookie = header[i+1]
	} else {
		v.cookie = session(t, v.Header)
	}
	return v
}

// session returns the cookie that a response sets, as a request has it.
func session(t *testing.T, header http.Header) string {
	t.Helper()
	line := header.Get("Set-Cookie")
	c, err := http.ParseSetCookie(line)
	if err != nil || len(c.Value) < 20 || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
		t.Fatalf("cookie: got %q, want a session for the site only", line)
	}
	return c.Name + "=" + c.Value
}

// next returns the next event.
func (v *visitor) next() core.Event {
	v.t.Helper()
	ev := v.Next()
	v.lastID = ev.ID
	return ev
}

// expect checks that these are the next events, each its name and its data.
func (v *visitor) expect(events ...string) {
	v.t.Helper()
	for _, want := range events {
		ev := v.next()
		if got := ev.Name + " " + ev.Data; got != want {
			v.t.Fatalf("next event: got %s, want %s", got, want)
		}
	}
}

// until returns the events up to one that has that data, without it.
func (v *visitor) until(data string) []string {
	v.t.Helper()
	var events []string
	for {
		ev := v.next()
		if ev.Data == data {
			return events
		}
		events = append(events, ev.Name+" "+ev.Data)
	}
}

// publicMessage is the data of a public message.
func publicMessage(from, text string) string {
	data, _ := json.Marshal(struct {
		From    string `json:"from"`
		Text    string `json:"text"`
		Private bool   `json:"private"`
		To      string `json:"to"`
	}{from, text, false, ""})
	return string(data)
}

// privateMessage is the data of a private message.
func privateMessage(from, text, to string) string {
	data, _ := json.Marshal(struct {
		From    string `json:"from"`
		Text    string `json:"text"`
		Private bool   `json:"private"`
		To      string `json:"to"`
	}{from, text, true, to})
	return string(data)
}

// post sends a body as it is.
func post(t *testing.T, p *sampletest.Program, body string, header ...string) sampletest.Answer {
	t.Helper()
	return sampletest.AskWith(t, http.MethodPost, p.URL+"/api/messages", body, header...)
}

// say sends a message that must be accepted, as a client without cookies does.
func say(t *testing.T, p *sampletest.Program, from, text, to string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"username": from, "text": text, "to": to})
	if err != nil {
		t.Fatal(err)
	}
	if got := post(t, p, string(body)); got.StatusCode != http.StatusCreated {
		t.Fatalf("message %s: got %s, %s, want 201", body, got.Status, got.Text)
	}
}

// refused checks that a message is refused, and that the answer says why.
func refused(t *testing.T, got sampletest.Answer, why string) {
	t.Helper()
	var answer struct {
		Error string `json:"error"`
	}
	err := json.Unmarshal([]byte(got.Text), &answer)
	if err != nil || got.StatusCode != http.StatusBadRequest || !strings.Contains(answer.Error, why) ||
		!strings.HasPrefix(got.Header.Get("Content-Type"), "application/json") {
		t.Errorf("message: got %s, %.200s, want 400 and an error in JSON that says %q", got.Status, got.Text, why)
	}
}

// users returns the program's list of users.
func users(t *testing.T, p *sampletest.Program) string {
	t.Helper()
	got := sampletest.Ask(t, http.MethodGet, p.URL+"/api/users")
	if got.StatusCode != http.StatusOK || !strings.HasPrefix(got.Header.Get("Content-Type"), "application/json") {
		t.Errorf("users: got %s, %v, want JSON", got.Status, got.Header)
	}
	return got.Text
}

// awaitClosed waits until so many streams have ended.
func awaitClosed(t *testing.T, p *sampletest.Program, n int) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for begin := time.Now(); strings.Count(p.Out.String(), `msg="stream closed"`) < n; <-poll.C {
		if time.Since(begin) > sampletest.Patience {
			t.Fatalf("streams that ended: got %s, want %d", p.Out, n)
		}
	}
}
