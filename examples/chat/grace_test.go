package chat_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/chat"
)

// TestGrace checks when the program announces that a user has left.
func TestGrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const grace = 3 * time.Second
		room := chat.NewRoom(core.HubConfig{}, grace)
		gate := core.NewGate(room.Hub(), core.GateConfig{Middleware: []core.Middleware{room.Enter}, Heartbeat: -1})
		endpoint := gate.Subscribe(chat.Talk, chat.Online)
		session := ""
		// enter returns what ends the stream, and the status if it was refused.
		enter := func() (leave func(), status int) {
			ctx, cancel := context.WithCancel(t.Context())
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/chat?username=alice", http.NoBody)
			r.Header.Set("Cookie", session)
			w := httptest.NewRecorder()
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				endpoint.ServeHTTP(w, r)
			}()
			synctest.Wait()
			if c := w.Result().Cookies(); len(c) == 1 && session == "" {
				session = c[0].Name + "=" + c[0].Value
			}
			return func() { cancel(); <-ended; synctest.Wait() }, w.Code
		}
		check := func(when string, online bool, want ...string) {
			t.Helper()
			lines, err := room.Hub().History(t.Context(), core.Subscription{
				Channels: []string{chat.Talk}, Start: core.Earliest(),
			}, 100)
			if err != nil {
				t.Fatalf("history: %v", err)
			}
			var got []string
			for _, line := range lines {
				got = append(got, line.Data)
			}
			if !slices.Equal(got, want) || (len(room.Users()) == 1) != online {
				t.Errorf("%s: got %q and online %q, want %q and online %t", when, got, room.Users(), want, online)
			}
		}
		const joined, left = `"alice joined"`, `"alice left"`
		leave, _ := enter()
		check("there", true, joined)
		for range 3 {
			leave()
			check("away", false, joined)
			time.Sleep(grace - 1)
			check("away for almost too long", false, joined)
			leave, _ = enter()
			check("back", true, joined)
			time.Sleep(2 * grace)
			check("still there", true, joined)
		}
		leave()
		time.Sleep(grace - 1)
		owner := session
		session = ""
		if _, status := enter(); status != http.StatusConflict {
			t.Errorf("another user within the grace period: got %d, want 409", status)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		check("away for too long", false, joined, left)
		leave, _ = enter()
		check("somebody else", true, joined, left, joined)
		session = owner
		if _, status := enter(); status != http.StatusConflict {
			t.Errorf("who was here first: got %d, want 409", status)
		}
		leave()
		if err := room.Hub().Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}
