package core_test

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
)

// publishOnce publishes to a channel with a key.
func publishOnce(t *testing.T, hub *core.Hub, key, channel, data string) string {
	t.Helper()
	id, err := hub.Publish(t.Context(), channel, core.Event{Data: data}, core.Once(key))
	if err != nil {
		t.Fatalf("Publish %q to %q: %v", key, channel, err)
	}
	return id
}

// A repeat within the window publishes nothing, and returns the first ID. The
// window does not begin anew with a repeat.
func TestOnceWithinTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{Store: core.NewMemoryStore(core.Retention{OnceWindow: time.Minute})})
		c := consume(t, hub, core.Subscription{Channels: []string{"a", "b"}})
		synctest.Wait()
		first := publishOnce(t, hub, "k", "a", "first")
		for range 5 {
			time.Sleep(10 * time.Second)
			if got := publishOnce(t, hub, "k", "a", "again"); got != first {
				t.Errorf("repeat: got ID %s, want that of the first, %s", got, first)
			}
		}
		publishOnce(t, hub, "other", "a", "other key")
		publishOnce(t, hub, "k", "b", "other channel")
		time.Sleep(10*time.Second - time.Nanosecond)
		if got := publishOnce(t, hub, "k", "a", "again"); got != first {
			t.Errorf("at the end of the window: got ID %s, want that of the first, %s", got, first)
		}
		time.Sleep(time.Nanosecond)
		second := publishOnce(t, hub, "k", "a", "second")
		if second == first || publishOnce(t, hub, "k", "a", "again") != second {
			t.Errorf("after the window: got ID %s after %s, want a new one that stays", second, first)
		}
		c.wants(t, "all", "first", "other key", "b other channel", "second")
		if got := hub.Stats().Published; got != 4 {
			t.Errorf("published: got %d, want 4", got)
		}
	})
}

// A repeat returns the application's own ID if the first event had one, also
// after the event has left history.
func TestOnceReturnsTheFirstID(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{Store: core.NewMemoryStore(core.Retention{Events: 1})})
	p := core.Publication{Channel: "a", Event: core.Event{ID: "row 1"}}
	if id, err := hub.Publish(t.Context(), p.Channel, p.Event, core.Only(p.To), core.Once("k")); err != nil || id != "row 1" {
		t.Fatalf("got %q, %v, want row 1", id, err)
	}
	publish(t, hub, "a", "x", "y")
	p.Event.ID = "row 2"
	if id, err := hub.Publish(t.Context(), p.Channel, p.Event, core.Only(p.To), core.Once("k")); err != nil || id != "row 1" {
		t.Errorf("repeat: got %q, %v, want row 1", id, err)
	}
}

func TestOnceRefuses(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	p := core.Publication{Channel: "a"}
	for _, key := range []string{"", "line\nbreak", "\xff", strings.Repeat("x", core.MaxChannelBytes+1)} {
		if _, err := hub.Publish(t.Context(), p.Channel, p.Event, core.Only(p.To), core.Once(key)); !errors.Is(err, core.ErrOnceKey) {
			t.Errorf("key %.10q: got %v, want ErrOnceKey", key, err)
		}
	}
	// A key whose event was not published can be used again.
	bad := core.Publication{Channel: "a", Event: core.Event{Name: "x\ny"}}
	if _, err := hub.Publish(t.Context(), bad.Channel, bad.Event, core.Only(bad.To), core.Once("k")); err == nil {
		t.Error("bad event: got no error, want one")
	}
	first := publish(t, hub, "a", "before")[0]
	if id := publishOnce(t, hub, "k", "a", "good"); id <= first {
		t.Errorf("after a bad event: got ID %s, want one after %s", id, first)
	}
}

// Of several concurrent calls with the same key, one publishes, and all return
// its ID.
func TestOnceAtTheSameTime(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	const keys, publishers = 50, 8
	ids := make([][keys]string, publishers)
	var publishing sync.WaitGroup
	for i := range publishers {
		publishing.Go(func() {
			for k := range keys {
				ids[i][k] = publishOnce(t, hub, strconv.Itoa(k), "a", strconv.Itoa(i))
			}
		})
	}
	publishing.Wait()
	different := make(map[string]bool)
	for k := range keys {
		different[ids[0][k]] = true
		for i := range publishers {
			if ids[i][k] != ids[0][k] {
				t.Errorf("key %d: got IDs %s and %s, want one", k, ids[0][k], ids[i][k])
			}
		}
	}
	found, err := hub.History(t.Context(), core.Subscription{Channels: []string{"a"}, Start: core.Earliest()}, 1000)
	if len(different) != keys || len(found) != keys || err != nil {
		t.Errorf("got %d IDs and %d events, %v, want %d of each", len(different), len(found), err, keys)
	}
}

// Over the cap, the oldest key is dropped, whatever its channel.
func TestOnceKeysAreBounded(t *testing.T) {
	t.Parallel()
	const most = 100
	hub := openHub(t, core.HubConfig{Store: core.NewMemoryStore(core.Retention{OnceKeys: most})})
	ids := make(map[int]string)
	for n := range 5 * most {
		ids[n] = publishOnce(t, hub, strconv.Itoa(n), "channel "+strconv.Itoa(n%3), "x")
		for _, back := range []int{0, 1, most / 2, most - 1} {
			if m := n - back; m >= 0 {
				if got := publishOnce(t, hub, strconv.Itoa(m), "channel "+strconv.Itoa(m%3), "x"); got != ids[m] {
					t.Fatalf("key %d after key %d: got ID %s, want the first, %s", m, n, got, ids[m])
				}
			}
		}
	}
	if got := publishOnce(t, hub, strconv.Itoa(4*most-1), "channel "+strconv.Itoa((4*most-1)%3), "x"); got == ids[4*most-1] {
		t.Errorf("key beyond the cap: got the first ID %s, want a new one", got)
	}
}

// Forget drops the keys of its channel, and of no other, in whatever order they
// were used, forgotten and used again.
func TestForgetDropsOnceKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{Store: core.NewMemoryStore(core.Retention{OnceWindow: 100 * time.Second, OnceKeys: 40})})
		type use struct {
			id string
			n  int
		}
		known := make(map[[2]string]use) // the model
		channels := []string{"a", "b", "c"}
		n := 0
		for turn := range 3000 {
			channel, key := channels[turn*turn%7%3], strconv.Itoa(turn*31%17)
			if turn%23 == 0 {
				if err := hub.Forget(t.Context(), channel); err != nil {
					t.Fatalf("Forget: %v", err)
				}
				for k := range known {
					if k[0] == channel {
						delete(known, k)
					}
				}
				continue
			}
			id := publishOnce(t, hub, key, channel, "x")
			first, ok := known[[2]string{channel, key}]
			// Forgotten keys count, too; 20 are remembered in any case.
			if ok && n-first.n < 20 && id != first.id {
				t.Fatalf("turn %d, key %s on %s: got ID %s, want the first, %s", turn, key, channel, id, first.id)
			}
			if !ok {
				if p, _ := core.ParsePosition(id); p.Seq <= uint64(n) {
					t.Fatalf("turn %d, key %s on %s: got ID %s, want a new one", turn, key, channel, id)
				}
			}
			if id != first.id {
				n++
				known[[2]string{channel, key}] = use{id, n}
			}
		}
	})
}
