package chat_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// TestPresence checks which joins and leaves are announced.
func TestPresence(t *testing.T) {
	t.Parallel()
	each(t, func(run fixture) {
		t, p := run.t, run.p
		if got := users(t, p); got != "[]" {
			t.Errorf("users: got %s, want none", got)
		}
		bob := enter(t, p, "bob")
		bob.expect(`system "bob joined"`, `userlist ["bob"]`, `stats {"online":1}`)
		alice := enter(t, p, " alice ") // spaces around it do not make it another name
		for _, v := range []*visitor{alice, bob} {
			v.expect(`system "alice joined"`, `userlist ["alice","bob"]`, `stats {"online":2}`)
		}
		if got := users(t, p); got != `["alice","bob"]` {
			t.Errorf("users: got %s, want both, in order", got)
		}
		alice.Cut()
		bob.expect(`userlist ["bob"]`, `stats {"online":1}`)
		if got := users(t, p); got != `["bob"]` {
			t.Errorf("users: got %s, want the one who is there", got)
		}
		bob.expect(`system "alice left"`)
		enter(t, p, "alice").expect(`system "alice joined"`, `userlist ["alice","bob"]`, `stats {"online":2}`)
	}, "-grace", "200ms")
}

// TestTabs checks that several streams of a session are one user.
func TestTabs(t *testing.T) {
	t.Parallel()
	each(t, func(run fixture) {
		t, p := run.t, run.p
		bob := enter(t, p, "bob")
		bob.until(`{"online":1}`)
		one := enter(t, p, "alice")
		bob.until(`{"online":2}`)
		other := enter(t, p, "alice", "Cookie", one.cookie)
		other.expect(`userlist ["alice","bob"]`, `stats {"online":2}`)
		one.until(`{"online":2}`)
		say(t, p, "bob", "psst", "alice")
		for _, v := range []*visitor{one, other, bob} {
			v.expect("chat " + privateMessage("bob", "psst", "alice"))
		}
		one.Cut()
		awaitClosed(t, p, 1)
		if got := users(t, p); got != `["alice","bob"]` {
			t.Errorf("users: got %s, want alice, who has another tab", got)
		}
		say(t, p, "bob", "still there?", "alice")
		for _, v := range []*visitor{other, bob} {
			v.expect("chat " + privateMessage("bob", "still there?", "alice"))
		}
		// Another name in the same browser is another user.
		carol := enter(t, p, "carol", "Cookie", one.cookie)
		carol.expect(`system "carol joined"`, `userlist ["alice","bob","carol"]`, `stats {"online":3}`)
		other.Cut()
		bob.until(`["bob","carol"]`)
		bob.expect(`stats {"online":2}`, `system "alice left"`)
		say(t, p, "carol", "hi", "")
		bob.expect("chat " + publicMessage("carol", "hi"))
	}, "-grace", "100ms")
}

// TestReload checks that a short disconnect is not announced.
func TestReload(t *testing.T) {
	t.Parallel()
	each(t, func(run fixture) {
		t, p := run.t, run.p
		bob := enter(t, p, "bob")
		alice := enter(t, p, "alice")
		bob.until(`{"online":2}`)
		for range 3 {
			alice.Cut()
			bob.expect(`userlist ["bob"]`, `stats {"online":1}`)
			alice = enter(t, p, "alice", "Cookie", alice.cookie)
			bob.expect(`userlist ["alice","bob"]`, `stats {"online":2}`)
		}
		say(t, p, "bob", "done", "")
		bob.expect("chat " + publicMessage("bob", "done"))
	}, "-grace", "1h")
}

// TestCrowd checks that the last list of users is right after many concurrent
// joins and leaves.
func TestCrowd(t *testing.T) {
	t.Parallel()
	each(t, func(run fixture) {
		t, p := run.t, run.p
		const crowd = 60
		zoe := enter(t, p, "zoe")
		leave := make([]func(), crowd)
		var all sync.WaitGroup
		for i := range leave {
			ctx, cancel := context.WithCancel(t.Context())
			leave[i] = cancel
			all.Go(func() {
				r := sampletest.Request(ctx, t, http.MethodGet, chatURL(p, fmt.Sprintf("guest-%02d", i)))
				resp, err := sampletest.Client(t).Do(r)
				if err != nil || resp.StatusCode != http.StatusOK {
					t.Errorf("guest %d: got %v and error %v, want a stream", i, resp, err)
					return
				}
				t.Cleanup(func() { _ = resp.Body.Close() })
			})
		}
		all.Wait()
		zoe.until(fmt.Sprintf(`{"online":%d}`, crowd+1))
		want := []string{`"zoe"`}
		for i := range leave {
			if i%3 > 0 {
				all.Go(leave[i])
			} else {
				want = append(want, fmt.Sprintf(`"guest-%02d"`, i))
			}
		}
		all.Wait()
		slices.Sort(want)
		list := "[" + strings.Join(want, ",") + "]"
		zoe.until(list)
		zoe.expect(fmt.Sprintf(`stats {"online":%d}`, len(want)))
		awaitClosed(t, p, crowd/3*2)
		say(t, p, "zoe", "alone", "")
		if later := zoe.until(publicMessage("zoe", "alone")); len(later) > 0 {
			t.Errorf("after all have gone: got %v, want nothing more", later)
		}
		if got := users(t, p); got != list {
			t.Errorf("users: got %s, want %s", got, list)
		}
	}, "-grace", "1h")
}
