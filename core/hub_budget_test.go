package core_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core"
)

// ringSizes returns how many events the rings hold, by channel.
func ringSizes(hub *core.Hub) map[string]int {
	events := make(map[string]int)
	for _, info := range hub.Channels() {
		events[info.Name] = info.Events
	}
	return events
}

// Over the bound, rings without subscribers are evicted first, those without a
// new event for the longest time before the others; then the older halves of
// the largest rings.
func TestReclaimOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{TotalRingBytes: 64 << 10})
		data := strings.Repeat("x", 1000)
		some := func(channel string, n int) {
			t.Helper()
			for range n {
				publish(t, hub, channel, data)
				synctest.Wait() // the others take it
			}
		}
		large := consume(t, hub, core.Subscription{Channels: []string{"large"}})
		little := consume(t, hub, core.Subscription{Channels: []string{"little"}})
		synctest.Wait()
		some("little", 2)
		some("large", 10)
		some("old", 8)
		some("older", 8) // not any more, after the next
		some("old", 1)
		some("new", 8)
		if got := ringSizes(hub); len(got) != 5 || got["older"] != 8 {
			t.Fatalf("within the bound: got %v, want all", got)
		}
		order := []string{"older", "old", "new"}
		for len(order) > 0 {
			before := ringSizes(hub)
			some("large", 1)
			now := ringSizes(hub)
			for _, name := range order[1:] {
				if now[order[0]] > 0 && now[name] < before[name] {
					t.Fatalf("got %v, want %s to go before %s", now, order[0], name)
				}
			}
			if now[order[0]] == 0 {
				order = order[1:]
			}
			if now["large"] != before["large"]+1 || now["little"] != 2 {
				t.Fatalf("got %v after %v, want subscribed rings left alone", now, before)
			}
		}
		before := ringSizes(hub)
		for ringSizes(hub)["large"] >= before["large"] {
			before = ringSizes(hub)
			some("large", 1)
		}
		now := ringSizes(hub)
		if got, want := now["large"], (before["large"]+2)/2; got != want || now["little"] != 2 {
			t.Errorf("got %v after %v, want the older half of the largest gone", now, before)
		}
		// Subscribers that are up to date are not affected, and history has all
		// events.
		synctest.Wait()
		found, err := hub.History(t.Context(), core.Subscription{Channels: []string{"large"}, Start: core.Earliest()}, 1000)
		if got := large.seen(); err != nil || len(got) != len(found) {
			t.Errorf("on large: got %d events, want all %d, %v", len(got), len(found), err)
		}
		little.wants(t, "on little", "little "+data, "little "+data)
	})
}

// Rings that cannot be reduced do not keep others from being reduced.
func TestReclaimPassesOverLargeEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const total = 400 << 10
		hub := openHub(t, core.HubConfig{TotalRingBytes: total})
		c := consume(t, hub, core.Subscription{Channels: []string{"a", "b", "c", "d"}})
		synctest.Wait()
		publish(t, hub, "a", strings.Repeat("x", 200<<10))
		for range 600 {
			for _, channel := range []string{"b", "c", "d"} {
				publish(t, hub, channel, strings.Repeat("y", 300))
				synctest.Wait()
				bytes := 0
				for _, info := range hub.Channels() {
					bytes += info.Bytes
				}
				if bytes > total {
					t.Fatalf("got %d bytes in rings, want %d at most", bytes, total)
				}
			}
		}
		synctest.Wait()
		if got := len(c.seen()); got != 1801 {
			t.Errorf("got %d events, want all 1801", got)
		}
	})
}

// A bound that was raised because no ring could be reduced is lowered again.
func TestReclaimComesBackToTheBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const total = 64 << 10
		hub := openHub(t, core.HubConfig{TotalRingBytes: total})
		var names []string
		for i := range 200 { // they take more than the bound by themselves
			names = append(names, strconv.Itoa(i))
		}
		c := consume(t, hub, core.Subscription{Channels: names})
		synctest.Wait()
		for _, name := range names {
			publish(t, hub, name, strings.Repeat("x", 1000))
		}
		c.stop()
		for _, name := range names {
			if err := hub.Forget(t.Context(), name); err != nil {
				t.Fatalf("Forget: %v", err)
			}
		}
		for i := range 500 {
			publish(t, hub, "dynamic "+strconv.Itoa(i), strings.Repeat("x", 1000))
			bytes := 0
			for _, info := range hub.Channels() {
				bytes += info.Bytes
			}
			if bytes > total {
				t.Fatalf("got %d bytes in rings, want %d at most", bytes, total)
			}
		}
	})
}

// Channels that are not used again are removed.
func TestDynamicChannelsDoNotPileUp(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]core.HubConfig{
		"by the rings' bound": {TotalRingBytes: 1 << 20},
		"by the store's":      {Store: core.NewMemoryStore(core.Retention{TotalBytes: 1 << 20})},
	} {
		hub := openHub(t, cfg)
		for i := range 8000 {
			publish(t, hub, fmt.Sprintf("request %d", i), "x")
			if n := hub.Stats().Channels; n > 2500 {
				t.Fatalf("%s, after %d channels: got %d, want them bounded", name, i, n)
			}
		}
	}
}

// Subscribers that connect, leave and resume while rings are evicted and
// created receive all events, in order and without a gap.
func TestReclaimLosesNothing(t *testing.T) {
	t.Parallel()
	const publishers, clients, each, channels = 3, 12, 700, 40
	store := core.NewMemoryStore(core.Retention{Events: -1, Bytes: -1, TotalBytes: -1})
	hub := openHub(t, core.HubConfig{Store: store, TotalRingBytes: 12_000, RingEvents: 16, PageBytes: 4 << 10})
	all := make([]*resumingClient, clients)
	errs := make(chan error, clients+publishers)
	for i := range all {
		random := rand.New(rand.NewPCG(11, uint64(i)))
		var own []string
		for range 1 + random.IntN(3) {
			own = append(own, strconv.Itoa(random.IntN(channels)))
		}
		slices.Sort(own)
		own = slices.Compact(own)
		all[i] = &resumingClient{
			sub:   core.Subscription{Channels: own, Start: core.Earliest()},
			patch: func() int { return random.IntN(15) },
		}
		go func() { errs <- all[i].run(t.Context(), hub) }()
	}
	var publishing sync.WaitGroup
	for i := range publishers {
		random := rand.New(rand.NewPCG(12, uint64(i)))
		publishing.Go(func() {
			for n := range each {
				var err error
				if n%5 == 0 {
					_, err = hub.PublishBatch(t.Context(),
						core.Publication{Channel: strconv.Itoa(random.IntN(channels))},
						core.Publication{Channel: strconv.Itoa(random.IntN(channels))})
				} else {
					ev := core.Event{Data: strings.Repeat("x", random.IntN(300))}
					_, err = hub.Publish(t.Context(), strconv.Itoa(random.IntN(channels)), ev)
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	publishing.Wait()
	for i := range channels {
		publish(t, hub, strconv.Itoa(i), "end")
	}
	for range clients {
		if err := <-errs; err != nil {
			t.Fatalf("Publish or Subscribe: %v", err)
		}
	}
	times, slow := 0, 0
	for i, p := range all {
		p.wantOrder(t, fmt.Sprintf("client %d", i), readAll(t, store, p.sub.Channels...))
		times, slow = times+p.times, slow+p.slow
	}
	t.Logf("came %d times, were slow %d times", times, slow)
}
