package chat_test

import (
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// TestNonsense checks that what makes no sense is refused with a reason, and
// does no harm.
func TestNonsense(t *testing.T) {
	t.Parallel()
	each(t, func(run fixture) {
		t, p := run.t, run.p
		bob := enter(t, p, "bob")
		bob.until(`{"online":1}`)
		long := strings.Repeat("é", 33)
		for body, why := range map[string]string{
			"":                                       "The body must be a JSON object",
			"nonsense":                               "The body must be a JSON object",
			"[]":                                     "The body must be a JSON object",
			`"hi"`:                                   "The body must be a JSON object",
			`{"username":"eve","text":"hi"} {}`:      "The body must be a JSON object",
			`{"username":"eve","text":"hi"`:          "The body must be a JSON object",
			"username=eve&text=hi":                   "The body must be a JSON object",
			`{"username":7,"text":"hi"}`:             "The username must be text",
			`{"username":"eve","text":["hi"]}`:       "The text must be text",
			`{"username":"eve","text":"hi","to":{}}`: "The to must be text",
			"null":                                   "The username is missing.",
			"{}":                                     "The username is missing.",
			`{"text":"hi"}`:                          "The username is missing.",
			`{"username":" ","text":"hi"}`:           "The username is missing.",
			`{"username":"` + long + `","text":"hi"}`:             "The username has 33 characters, and may have 32.",
			`{"username":"e\u0000ve","text":"hi"}`:                "cannot be printed",
			`{"username":"e\u202eve","text":"hi"}`:                "cannot be printed",
			`{"username":"eve"}`:                                  "The text is missing.",
			`{"username":"eve","text":" \n "}`:                    "The text is missing.",
			`{"username":"eve","text":"` + x(2001) + `"}`:         "The text has 2001 characters, and may have 2000.",
			`{"username":"eve","text":"` + x(70_000) + `"}`:       "longer than 65536 bytes",
			`{"username":"eve","text":"hi","to":"nobody"}`:        "There is no nobody online.",
			`{"username":"eve","text":"hi","to":" "}`:             "The recipient is missing.", // and nothing goes to all
			`{"username":"eve","text":"hi","to":"` + long + `"}`:  "The recipient has 33 characters",
			`{"username":"eve","text":"hi","to":"b\u200bob"}`:     "cannot be printed",
			strings.Repeat(`{"username":`, 5000):                  "The body must be a JSON object",
			"\xff\xfe":                                            "The body must be a JSON object",
			`{"username":"eve","text":"hi","to":"chat-session="}`: "There is no chat-session= online.",
		} {
			refused(t, post(t, p, body), why)
		}
		for _, name := range []string{"", "  ", long, "a\nb", "\x00", "\u202e", "a\xffb"} {
			got := sampletest.Ask(t, http.MethodGet, chatURL(p, name))
			if got.StatusCode != http.StatusBadRequest || !strings.HasPrefix(got.Text, "The username ") {
				t.Errorf("name %q: got %s, %s, want 400 and a reason", name, got.Status, got.Text)
			}
		}
		for path, status := range map[string]int{
			"/chat": 400, "/chat?username": 400, "/chat?username=%": 400, "/chat?name=eve": 400,
			"/nowhere": 404, "/chat/": 0, "/api/messages": 0, "/api": 404,
		} {
			got := sampletest.Ask(t, http.MethodGet, p.URL+path)
			if got.StatusCode < 300 || got.StatusCode >= 500 || status > 0 && got.StatusCode != status {
				t.Errorf("GET %s: got %s, want %d", path, got.Status, status)
			}
		}
		for _, path := range []string{"/chat?username=eve", "/api/users", "/"} {
			for _, method := range []string{http.MethodPost, http.MethodDelete, "NONSENSE"} {
				if got := sampletest.Ask(t, method, p.URL+path); got.StatusCode < 400 || got.StatusCode >= 500 {
					t.Errorf("%s %s: got %s, want it refused", method, path, got.Status)
				}
			}
		}
		for _, text := range []string{"nonsense\r\n\r\n", "POST /api/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write([]byte(text)); err != nil {
				t.Errorf("writing %q: %v", text, err)
			}
			_ = conn.Close()
		}
		say(t, p, "bob", "done", "")
		if got := bob.until(publicMessage("bob", "done")); len(got) > 0 {
			t.Errorf("after nothing but nonsense: got %q, want nothing", got)
		}
		if got := users(t, p); got != `["bob"]` {
			t.Errorf("users: got %s, want bob", got)
		}
	})
}

// quoted returns v in JSON.
func quoted(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func x(n int) string { return strings.Repeat("x", n) }

// TestNames checks that odd names work.
func TestNames(t *testing.T) {
	t.Parallel()
	each(t, func(run fixture) {
		t, p := run.t, run.p
		bob := enter(t, p, "bob")
		bob.until(`{"online":1}`)
		for _, name := range []string{
			"<script>alert(1)</script>", "Zoë 💥", "a&to=b?#%41", `"quoted\"`, "../../etc", "null", strings.Repeat("é", 32),
		} {
			odd := enter(t, p, name)
			list := []string{name, "bob"}
			slices.Sort(list)
			odd.expect(`system `+quoted(t, name+" joined"), `userlist `+quoted(t, list), `stats {"online":2}`)
			var got []string
			if err := json.Unmarshal([]byte(users(t, p)), &got); err != nil || !slices.Equal(got, list) {
				t.Errorf("users: got %q and error %v, want %q", got, err, list)
			}
			say(t, p, "bob", "hi", name)
			odd.expect("chat " + privateMessage("bob", "hi", name))
			odd.Cut()
			bob.until(`{"online":1}`)
		}
	}, "-grace", "1h")
}

// TestPage checks what the page comes with.
func TestPage(t *testing.T) {
	t.Parallel()
	each(t, func(run fixture) {
		t, p := run.t, run.p
		first := sampletest.Ask(t, http.MethodGet, p.URL+"/")
		if first.StatusCode != http.StatusOK || first.Header.Get("Content-Type") != "text/html; charset=utf-8" ||
			first.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("page: got %s, %v, want HTML that is not kept", first.Status, first.Header)
		}
		cookie := session(t, first.Header)
		again := sampletest.Ask(t, http.MethodGet, p.URL+"/", "Cookie", "other=1; "+cookie)
		if got := again.Header.Get("Set-Cookie"); got != "" {
			t.Errorf("page for a client with a session: got the cookie %q, want none", got)
		}
		if got := enter(t, p, "bob", "Cookie", cookie).Header.Get("Set-Cookie"); got != "" {
			t.Errorf("stream for a client with a session: got the cookie %q, want none", got)
		}
		if got := session(t, sampletest.Ask(t, http.MethodGet, p.URL+"/").Header); got == cookie {
			t.Errorf("another client: got the same session, want another one")
		}
		// A name of a namespace loads nothing, and two slashes before a space are a comment.
		text := strings.ReplaceAll(first.Text, "http://www.w3.org/2000/svg", "")
		text = strings.ReplaceAll(text, "// ", "")
		for _, there := range []string{"http://", "https://", "//", "@import"} {
			if strings.Contains(text, there) {
				t.Errorf("page: got %s in it, want nothing that is loaded from elsewhere", there)
			}
		}
	})
}
