package chat_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestMessages checks which visitors receive which messages.
func TestMessages(t *testing.T) {
	t.Parallel()
	each(t, func(run fixture) {
		t, p := run.t, run.p
		alice, bob, carol := enter(t, p, "alice"), enter(t, p, "bob"), enter(t, p, "carol")
		for _, v := range []*visitor{alice, bob, carol} {
			v.until(`{"online":3}`)
		}
		const odd = "<b>&amp;</b> \u2028\n\r\n\tid: 7\n\n\U0001f4a5 \x00\"\\"
		body, err := json.Marshal(map[string]string{"username": "dave", "text": odd})
		if err != nil {
			t.Fatal(err)
		}
		for _, header := range [][]string{
			nil, {"Content-Type", "application/json"}, {"Content-Type", "application/x-www-form-urlencoded"},
		} {
			got := post(t, p, string(body), header...)
			if got.StatusCode != http.StatusCreated || got.Text != publicMessage("dave", odd) {
				t.Errorf("message with %q: got %s, %s, want 201 and the message", header, got.Status, got.Text)
			}
			for _, v := range []*visitor{alice, bob, carol} {
				v.expect("chat " + publicMessage("dave", odd))
			}
		}
		say(t, p, "bob", "psst", "alice")
		say(t, p, "dave", "from outside", "alice")
		say(t, p, "alice", "note to self", "alice")
		say(t, p, "bob", "hello", "")
		alice.expect("chat "+privateMessage("bob", "psst", "alice"), "chat "+privateMessage("dave", "from outside", "alice"),
			"chat "+privateMessage("alice", "note to self", "alice"), "chat "+publicMessage("bob", "hello"))
		bob.expect("chat "+privateMessage("bob", "psst", "alice"), "chat "+publicMessage("bob", "hello"))
		carol.expect("chat " + publicMessage("bob", "hello"))
	}, "-grace", "1h")
}

// TestNewcomer checks which earlier messages a new visitor receives.
func TestNewcomer(t *testing.T) {
	t.Parallel()
	each(t, func(run fixture) {
		t, p := run.t, run.p
		alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
		const n, recent = 50, 20
		var public, private []string
		for i := range n {
			say(t, p, "bob", strconv.Itoa(i), "")
			public = append(public, "chat "+publicMessage("bob", strconv.Itoa(i)))
			if i%10 == 0 {
				say(t, p, "bob", fmt.Sprint("secret ", i), "alice")
				private = append(private, "chat "+privateMessage("bob", fmt.Sprint("secret ", i), "alice"))
			}
		}
		enter(t, p, "carol").expect(append(public[n-recent:],
			`system "carol joined"`, `userlist ["alice","bob","carol"]`, `stats {"online":3}`)...)
		for _, v := range []*visitor{alice, bob} {
			v.until(`{"online":3}`)
			// The page is loaded anew: it has its own mail again.
			events := enter(t, p, map[*visitor]string{alice: "alice", bob: "bob"}[v], "Cookie", v.cookie).until(`{"online":3}`)
			secret := func(event string) bool { return strings.Contains(event, "secret") }
			if got := slices.DeleteFunc(slices.Clone(events), func(e string) bool { return !secret(e) }); !slices.Equal(got, private) {
				t.Errorf("private messages: got %q, want %q", got, private)
			}
			want := append(slices.Clone(public[n-recent:]), `userlist ["alice","bob","carol"]`)
			if got := slices.DeleteFunc(events, secret); !slices.Equal(got, want) {
				t.Errorf("the rest: got %q, want %q", got, want)
			}
		}
	}, "-grace", "1h")
}

// TestResume checks that a client whose connection is cut again and again gets
// each message once.
func TestResume(t *testing.T) {
	t.Parallel()
	each(t, func(run fixture) {
		t, p := run.t, run.p
		const n = 300
		alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
		alice.until(`["alice","bob"]`)
		start := alice.lastID
		var want, got []string
		for i := range n {
			text := strconv.Itoa(i)
			switch i % 3 {
			case 0:
				say(t, p, "bob", text, "")
				want = append(want, "chat "+publicMessage("bob", text))
			case 1: // carol does not receive messages to alice
				say(t, p, "bob", text, "alice")
				want = append(want, "chat "+privateMessage("bob", text, "alice"))
			case 2:
				say(t, p, "alice", text, "bob")
				want = append(want, "chat "+privateMessage("alice", text, "bob"))
			}
		}
		bob.until(privateMessage("alice", strconv.Itoa(n-1), "bob"))
		for len(got) < n {
			for range min(rand.IntN(60), n-len(got)) {
				ev := alice.next()
				if ev.Name != "chat" { // her own joins and leaves
					continue
				}
				got = append(got, "chat "+ev.Data)
			}
			alice.Cut()
			last := alice.lastID
			alice = enter(t, p, "alice", "Cookie", alice.cookie, "Last-Event-ID", last)
			alice.lastID = last
		}
		if !slices.Equal(got, want) {
			t.Errorf("messages: got %q, want %q", got, want)
		}
		carol := enter(t, p, "carol", "Last-Event-ID", start)
		for _, ev := range carol.until(`["alice","bob","carol"]`) {
			if strings.Contains(ev, `"private":true`) {
				t.Errorf("another user: got %s, want no private message", ev)
			}
		}
	}, "-grace", "1h")
}

// TestAway checks that a client that was disconnected receives all messages,
// and only the latest list of users.
func TestAway(t *testing.T) {
	t.Parallel()
	each(t, func(run fixture) {
		t, p := run.t, run.p
		alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
		for _, v := range []*visitor{alice, bob} {
			v.until(`{"online":2}`)
		}
		bob.Cut()
		alice.until(`{"online":1}`)
		for _, name := range []string{"carol", "dave", "eve"} {
			enter(t, p, name)
		}
		alice.until(`{"online":4}`)
		say(t, p, "eve", "where is bob?", "")
		enter(t, p, "bob", "Cookie", bob.cookie, "Last-Event-ID", bob.lastID).expect(
			`system "carol joined"`, `system "dave joined"`, `system "eve joined"`, "chat "+publicMessage("eve", "where is bob?"),
			`userlist ["alice","bob","carol","dave","eve"]`, `stats {"online":5}`)
	}, "-grace", "1h")
}

// TestReset checks what a client with an unknown last event ID receives.
func TestReset(t *testing.T) {
	t.Parallel()
	each(t, func(run fixture) {
		t, p := run.t, run.p
		say(t, p, "bob", "hello", "")
		alice := enter(t, p, "alice", "Last-Event-ID", "nonsense")
		if ev := alice.next(); ev.Name != "reset" || !strings.Contains(ev.Data, `"reason":"unknown"`) {
			t.Errorf("after an unknown ID: got %+v, want a reset", ev)
		}
		alice.expect("chat "+publicMessage("bob", "hello"), `system "alice joined"`, `userlist ["alice"]`, `stats {"online":1}`)
	})
}
