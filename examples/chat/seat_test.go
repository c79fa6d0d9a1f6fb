package chat_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// TestNameInUse checks that a name has one owner at a time.
func TestNameInUse(t *testing.T) {
	t.Parallel()
	each(t, func(run fixture) {
		t, p := run.t, run.p
		alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
		bob.until(`{"online":2}`)
		taken := func() {
			t.Helper()
			for _, header := range [][]string{nil, {"Cookie", bob.cookie}, {"Cookie", "chat-session=nonsense"}} {
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					got := sampletest.Ask(t, method, chatURL(p, "alice"), header...)
					if got.StatusCode != http.StatusConflict || (method == http.MethodGet) != strings.Contains(got.Text, "The name alice is in use.") {
						t.Errorf("%s of a name in use with %q: got %s, %s, want 409", method, header, got.Status, got.Text)
					}
				}
			}
		}
		taken()
		// Asking is not entering.
		for range 3 {
			if got := sampletest.Ask(t, http.MethodHead, chatURL(p, "carol")); got.StatusCode != http.StatusOK {
				t.Errorf("HEAD of a free name: got %s, want 200", got.Status)
			}
		}
		const body = `{"username":"alice","text":"hi"}`
		refused(t, post(t, p, body, "Cookie", bob.cookie), "The name alice is in use by somebody else.")
		for _, header := range [][]string{nil, {"Cookie", alice.cookie}} {
			if got := post(t, p, body, header...); got.StatusCode != http.StatusCreated {
				t.Errorf("message with %q: got %s, %s, want 201", header, got.Status, got.Text)
			}
		}
		bob.expect("chat "+publicMessage("alice", "hi"), "chat "+publicMessage("alice", "hi"))
		alice.Cut()
		bob.expect(`userlist ["bob"]`, `stats {"online":1}`)
		taken() // for a while
		refused(t, post(t, p, body, "Cookie", bob.cookie), "The name alice is in use by somebody else.")
		refused(t, post(t, p, `{"username":"bob","text":"hi","to":"alice"}`), "There is no alice online.")
		enter(t, p, "alice", "Cookie", alice.cookie).until(`{"online":2}`)
		say(t, p, "bob", "welcome", "alice")
		bob.expect(`userlist ["alice","bob"]`, `stats {"online":2}`, "chat "+privateMessage("bob", "welcome", "alice"))
	}, "-grace", "1h")
}

// TestStolenName checks that a user does not receive private messages to an
// earlier user of the same name, live or replayed.
func TestStolenName(t *testing.T) {
	t.Parallel()
	each(t, func(run fixture) {
		t, p := run.t, run.p
		alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
		bob.until(`{"online":2}`)
		start := bob.lastID
		say(t, p, "bob", "for the first", "alice")
		bob.expect("chat " + privateMessage("bob", "for the first", "alice"))
		alice.until(privateMessage("bob", "for the first", "alice"))
		alice.Cut()
		bob.until(`"alice left"`)

		thief := enter(t, p, "alice")
		bob.until(`{"online":2}`)
		say(t, p, "bob", "for the second", "alice")
		bob.expect("chat " + privateMessage("bob", "for the second", "alice"))
		if got := thief.until(privateMessage("bob", "for the second", "alice")); slices.Contains(got, "chat "+privateMessage("bob", "for the first", "alice")) {
			t.Errorf("another session under the name: got %q, want no mail of the first", got)
		}
		for _, id := range []string{start, alice.lastID, "", "nonsense"} {
			again := enter(t, p, "alice", "Cookie", thief.cookie, "Last-Event-ID", id)
			say(t, p, "bob", "end", "")
			events := again.until(publicMessage("bob", "end"))
			if slices.Contains(events, "chat "+privateMessage("bob", "for the first", "alice")) {
				t.Errorf("another session after the ID %q: got %q, want no mail of the first", id, events)
			}
			if !slices.Contains(events, "chat "+privateMessage("bob", "for the second", "alice")) {
				t.Errorf("another session after the ID %q: got %q, want its own mail", id, events)
			}
			again.Cut()
		}
		if got := sampletest.Ask(t, http.MethodGet, chatURL(p, "alice"), "Cookie", alice.cookie); got.StatusCode != http.StatusConflict {
			t.Errorf("the first: got %s, want 409 as long as the other is there", got.Status)
		}
		thief.Cut()
		bob.until(`"alice left"`)
		back := enter(t, p, "alice", "Cookie", alice.cookie)
		events := back.until(`{"online":2}`)
		if !slices.Contains(events, "chat "+privateMessage("bob", "for the first", "alice")) ||
			slices.Contains(events, "chat "+privateMessage("bob", "for the second", "alice")) {
			t.Errorf("the first, who is back: got %q, want its own mail and no other", events)
		}
		// The same session under another name has other mail.
		if got := enter(t, p, "alison", "Cookie", alice.cookie, "Last-Event-ID", start).until(`{"online":3}`); slices.ContainsFunc(got, func(event string) bool {
			return strings.Contains(event, "for the")
		}) {
			t.Errorf("another name of the session: got %q, want no mail", got)
		}
	}, "-grace", "50ms")
}
