package notifications_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// TestRestart checks that a client that comes back after the program was
// killed gets exactly what it missed, before and after.
func TestRestart(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			db := file(t)
			p := sampletest.Start(t, framework, "-db", db)
			one := sampletest.Open(t, p.URL+stream)
			var ids []string
			for n := range 3 {
				ids = append(ids, push(t, p, strconv.Itoa(n)))
			}
			last := one.Take(3)[1].ID // the third one is lost with the connection
			first := greeting(t, one)
			one.Cut()
			for n := 3; n < 8; n++ {
				ids = append(ids, push(t, p, strconv.Itoa(n)))
			}
			p.Kill()

			p = sampletest.Start(t, framework, "-db", db)
			resumed := sampletest.Open(t, p.URL+stream, "Last-Event-ID", last)
			ids = append(ids, push(t, p, "8"))
			for n := 2; n < len(ids); n++ {
				check(t, resumed.Next(), ids[n], strconv.Itoa(n))
			}
			fromStart := sampletest.Open(t, p.URL+stream, "Last-Event-ID", first)
			for n := range ids {
				check(t, fromStart.Next(), ids[n], strconv.Itoa(n))
			}
			upToDate := sampletest.Open(t, p.URL+stream, "Last-Event-ID", ids[8])
			id := push(t, p, "9")
			check(t, upToDate.Next(), id, "9")
		})
	}
}

// greeting returns the ID that a stream begins with. It is the client's if its
// connection breaks before the first event.
func greeting(t *testing.T, s *sampletest.Stream) string {
	t.Helper()
	_, rest, _ := strings.Cut(s.Raw.String(), "\nid: ")
	id, _, _ := strings.Cut(rest, "\n")
	if _, ok := core.ParsePosition(id); !ok {
		t.Fatalf("a stream's beginning: got %.100q, want a position", s.Raw.String())
	}
	return id
}

// TestKilledAtWork checks that no notification is lost that was answered with
// 201, when the program is killed while there are many on their way.
func TestKilledAtWork(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			db := file(t)
			p := sampletest.Start(t, framework, "-db", db)
			all := sampletest.Open(t, p.URL+stream)
			const clients, enough = 8, 100
			answered := make(chan string, enough)
			ended := make(chan struct{})
			for range clients {
				go func() {
					defer func() { ended <- struct{}{} }()
					for {
						id, err := tryPush(t.Context(), p.URL)
						if err != nil {
							return // the program is gone
						}
						answered <- id
					}
				}()
			}
			var ids []string
			for len(ids) < enough {
				ids = append(ids, <-answered)
			}
			all.Next()
			first := greeting(t, all)
			p.Kill()
			for left := clients; left > 0; {
				select {
				case id := <-answered:
					ids = append(ids, id)
				case <-ended:
					left--
				}
			}
			close(answered)
			for id := range answered {
				ids = append(ids, id)
			}

			p = sampletest.Start(t, framework, "-db", db)
			final := push(t, p, `"final"`)
			got := through(sampletest.Open(t, p.URL+stream, "Last-Event-ID", first), final)
			for _, id := range ids {
				if !slices.Contains(got, id) {
					t.Errorf("notification %s: got it answered with 201 and lost, want it kept", id)
				}
			}
			// One for each client may be kept whose answer was cut off.
			if more := len(got) - 1 - len(ids); more > clients {
				t.Errorf("got %d notifications more than were answered, want %d at most", more, clients)
			}
			slices.Sort(got)
			if n := len(slices.Compact(slices.Clone(got))); n != len(got) {
				t.Errorf("got %d notifications, %d of them different, want each once", len(got), n)
			}
		})
	}
}

// tryPush pushes something, and returns the ID.
func tryPush(ctx context.Context, url string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+api, strings.NewReader(`{"value":1}`))
	if err != nil {
		return "", fmt.Errorf("request: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		return "", fmt.Errorf("post: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer pushed
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	return answer.ID, nil
}

// through returns the IDs of the events up to one.
func through(s *sampletest.Stream, last string) []string {
	var ids []string
	for ev := (core.Event{}); ev.ID != last; {
		ev = s.Next()
		ids = append(ids, ev.ID)
	}
	return ids
}

// TestFileInUse checks that a second program on the same file says so.
func TestFileInUse(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			db := file(t)
			sampletest.Start(t, framework, "-db", db)
			code, stdout, stderr := sampletest.Run(t, framework, "-db", db, "-addr", "127.0.0.1:0")
			if code != 1 || stdout != "" || !strings.HasPrefix(stderr, "notifications: ") || !strings.Contains(stderr, db) {
				t.Errorf("got status %d, %q and %q, want 1 and the reason", code, stdout, stderr)
			}
			code, _, stderr = sampletest.Run(t, framework, "-db", "")
			if code != 2 || !strings.HasPrefix(stderr, "notifications: -db is empty") {
				t.Errorf("without a file: got status %d and %q, want 2 and the reason", code, stderr)
			}
		})
	}
}
