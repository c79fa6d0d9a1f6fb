package core_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core"
)

// The number of channels is bounded. Channels without subscribers are evicted
// first. Beyond the bound, a subscription is refused, and an event is in
// history only.
func TestMaxChannels(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most = 10
		hub := openHub(t, core.HubConfig{MaxChannels: most})
		wantMost := func(when string) {
			t.Helper()
			if got := hub.Stats().Channels; got > most {
				t.Errorf("%s: got %d channels, want %d at most", when, got, most)
			}
		}
		for i := range 3 * most {
			publish(t, hub, fmt.Sprint("idle ", i), "x")
			wantMost("published to")
		}
		first := consume(t, hub, core.Subscription{Channels: []string{"a", "b", "c", "d", "e"}})
		second := consume(t, hub, core.Subscription{Channels: []string{"a", "f", "g", "h", "i", "j"}})
		synctest.Wait()
		wantMost("subscribed to")

		endpoint := core.Subscribe(hub, "one too many")
		w := httptest.NewRecorder()
		endpoint.ServeHTTP(w, newRequest(t, t.Context()))
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("one too many: got %d with Retry-After %q, want 503 and a time", w.Code, w.Header().Get("Retry-After"))
		}
		for _, err := range hub.Subscribe(t.Context(), core.Subscription{Channels: []string{"b", "one too many"}}) {
			if !errors.Is(err, core.ErrTooManyChannels) {
				t.Errorf("Subscribe: got %v, want ErrTooManyChannels", err)
			}
			break
		}
		wantMost("refused")

		ids := publish(t, hub, "one too many", "x", "y")
		if _, err := hub.PublishBatch(t.Context(),
			core.Publication{Channel: "a", Event: event("a 1")}, core.Publication{Channel: "another"}, core.Publication{Channel: "b", Event: event("2")}); err != nil {
			t.Errorf("PublishBatch: %v", err)
		}
		synctest.Wait()
		wantMost("published to beyond")
		first.wants(t, "on a to e", "a 1", "b 2")
		second.wants(t, "on a and f to j", "a 1")

		second.stop()
		synctest.Wait()
		late := consume(t, hub, core.Subscription{Channels: []string{"one too many"}, After: ids[0]})
		synctest.Wait()
		publish(t, hub, "one too many", "z")
		synctest.Wait()
		late.wants(t, "on what there was no room for", "one too many y", "one too many z")
		wantMost("in the end")
	})
}

// Channels that clients choose, however many, do not evict the rings of others.
func TestManyChannelsLeaveRingsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const events, clients = 1000, 40
		hub := openHub(t, core.HubConfig{TotalRingBytes: 1 << 20})
		honest := consume(t, hub, core.Subscription{Channels: []string{"honest"}})
		for i := range clients {
			names := make([]string, core.MaxChannels)
			for n := range names {
				names[n] = fmt.Sprintf("%d %d %s", i, n, strings.Repeat("x", 230))
			}
			consume(t, hub, core.Subscription{Channels: names})
		}
		synctest.Wait()
		for range events {
			publish(t, hub, "honest", strings.Repeat("x", 200))
			synctest.Wait()
		}
		if got := ringSizes(hub)["honest"]; got != events {
			t.Errorf("events in the honest ring: got %d, want all %d", got, events)
		}
		synctest.Wait()
		if got := len(honest.seen()); got != events {
			t.Errorf("events: got %d, want %d", got, events)
		}
	})
}

// A publish that makes rings smaller takes about as long however many channels
// there are whose rings hold next to nothing.
func BenchmarkReclaim(b *testing.B) {
	for _, channels := range []int{1000, 100_000} {
		b.Run(strconv.Itoa(channels), func(b *testing.B) {
			hub := openHub(b, core.HubConfig{TotalRingBytes: 1 << 20, Store: core.NewMemoryStore(core.Retention{Events: 10})})
			for i := 0; i < channels; i += core.MaxChannels {
				names := make([]string, core.MaxChannels)
				for n := range names {
					names[n] = strconv.Itoa(i + n)
				}
				subscribeAll(b, hub, names)
			}
			subscribeAll(b, hub, []string{"large"})
			ev := core.Event{Data: strings.Repeat("x", 2000)}
			for b.Loop() {
				if _, err := hub.Publish(b.Context(), "large", ev); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// subscribeAll subscribes to channels until the benchmark ends.
func subscribeAll(b *testing.B, hub *core.Hub, names []string) {
	b.Helper()
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/", http.NoBody)
	if o := core.Subscribe(hub, names...).Open(core.Request{Request: r}); !o.Streams {
		b.Fatalf("subscription to %d channels: got %d", len(names), o.Status)
	}
}
