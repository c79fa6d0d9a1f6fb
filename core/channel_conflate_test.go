package core_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core"
)

// conflateConfig configures all channels whose names begin with c.
func conflateConfig(ringEvents int) core.HubConfig {
	return core.HubConfig{Channels: []core.ChannelConfig{{Pattern: "c*", Slow: core.Conflate, RingEvents: ringEvents}}}
}

// update publishes events with keys to the channel "c". Each text is a key and
// a value.
func update(tb testing.TB, hub *core.Hub, texts ...string) []string {
	tb.Helper()
	ids := make([]string, len(texts))
	for i, text := range texts {
		key, _, _ := strings.Cut(text, "=")
		var err error
		if ids[i], err = hub.Publish(tb.Context(), "c", core.Event{Key: key, Data: text}); err != nil {
			tb.Fatalf("Publish %q: %v", text, err)
		}
	}
	return ids
}

// A subscriber that is behind receives the latest event of each key, in the
// order of publication, and all events without a key.
func TestConflate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, conflateConfig(8))
		slow, goOn := consumeHalting(t, hub, core.Subscription{Channels: []string{"c"}})
		quick := consume(t, hub, core.Subscription{Channels: []string{"c"}})
		synctest.Wait()
		update(t, hub, "x=0")
		slow.wants(t, "at the first", "c x=0")
		var all []string
		for i := range 100 {
			texts := []string{fmt.Sprintf("x=%d", i), fmt.Sprintf("y=%d", i), fmt.Sprintf("z=%d", i)}
			update(t, hub, texts...)
			all = append(all, onChannel("c", texts...)...)
			if i == 50 {
				update(t, hub, "=note")
				update(t, hub, "=note")
				update(t, hub, "w=rare")
				all = append(all, "c =note", "c =note", "c w=rare")
			}
			synctest.Wait()
		}
		quick.wants(t, "one who is not slow", append([]string{"c x=0"}, all...)...)
		goOn()
		slow.wants(t, "a slow one", "c x=0", "c =note", "c =note", "c w=rare", "c x=99", "c y=99", "c z=99")
		if !ascending(slow.ids) {
			t.Errorf("IDs of the slow one: got %q, want them to go up", slow.ids)
		}
		update(t, hub, "x=live")
		slow.wants(t, "live again", "c x=0", "c =note", "c =note", "c w=rare", "c x=99", "c y=99", "c z=99", "c x=live")
	})
}

// A ring of n events keeps n keys, however many events of them are published
// and in whatever order. With one key more, the oldest is evicted.
func TestConflateUpToTheRing(t *testing.T) {
	t.Parallel()
	for _, ringEvents := range []int{1, 2, 3, 7, 8, 100} {
		for _, keys := range []int{ringEvents - 1, ringEvents, ringEvents + 1} {
			if keys == 0 {
				continue
			}
			t.Run(fmt.Sprintf("ring of %d, %d keys", ringEvents, keys), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { conflateUpToTheRing(t, ringEvents, keys) })
			})
		}
	}
}

func conflateUpToTheRing(t *testing.T, ringEvents, keys int) {
	t.Helper()
	hub := openHub(t, conflateConfig(ringEvents))
	slow, goOn := consumeHalting(t, hub, core.Subscription{Channels: []string{"c"}})
	synctest.Wait()
	update(t, hub, "0=first")
	slow.wants(t, "at the first", "c 0=first")
	random := rand.New(rand.NewPCG(uint64(ringEvents), uint64(keys)))
	last := make(map[int]int)
	// Every key is published again and again, except for the first: the others
	// must not evict it from the ring.
	for i := range 40 * keys {
		key := i
		if i >= keys {
			key = random.IntN(keys)
			if keys > 1 {
				key = 1 + random.IntN(keys-1)
			}
		}
		update(t, hub, fmt.Sprintf("%d=%d", key, i))
		last[key] = i
	}
	goOn()
	synctest.Wait()
	got := slow.seen()
	if keys > ringEvents {
		if !strings.HasPrefix(got[1], "gap: skipped") {
			t.Errorf("got %q, want that it skips", got)
		}
		return
	}
	var values []int
	for _, i := range last {
		values = append(values, i)
	}
	slices.Sort(values)
	want := []string{"c 0=first"}
	for _, value := range values {
		for key, i := range last {
			if i == value {
				want = append(want, fmt.Sprintf("c %d=%d", key, i))
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A ring that conflates keeps to its bounds. It may exceed them by a third
// while it holds superseded events.
func TestConflateKeepsToTheBounds(t *testing.T) {
	t.Parallel()
	for _, cfg := range []core.ChannelConfig{{RingEvents: 100}, {RingBytes: 20_000}, {RingEvents: 100, RingBytes: 50_000}, {RingEvents: 1}, {RingBytes: 1}} {
		cfg.Pattern, cfg.Slow = "*", core.Conflate
		for _, keys := range []int{1, 79, 99, 101, 1000} {
			hub := openHub(t, core.HubConfig{Channels: []core.ChannelConfig{cfg}})
			random := rand.New(rand.NewPCG(1, 2))
			for range 3000 {
				data := strings.Repeat("x", random.IntN(400))
				ev := core.Event{Key: strconv.Itoa(random.IntN(keys)), Data: data}
				if _, err := hub.Publish(t.Context(), "c", ev); err != nil {
					t.Fatalf("Publish: %v", err)
				}
				info := hub.Channels()[0]
				const largest = 700 // and its overhead
				if n := cfg.RingEvents; n > 0 && info.Events > n+n/3+1 {
					t.Fatalf("%+v, %d keys: got %d events in the ring", cfg, keys, info.Events)
				}
				if n := cfg.RingBytes; n > 0 && info.Bytes > n+n/3+largest {
					t.Fatalf("%+v, %d keys: got %d bytes in the ring", cfg, keys, info.Bytes)
				}
			}
		}
	}
}

// An event does not supersede one of the same key for another audience.
func TestConflateByAudience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, conflateConfig(8))
		slow, goOn := consumeHalting(t, hub, core.Subscription{Channels: []string{"c"}})
		synctest.Wait()
		update(t, hub, "x=0")
		slow.wants(t, "at the first", "c x=0")
		for i := range 30 {
			for _, to := range []core.Audience{{}, core.ToGroup("g"), core.ToGroup("h"), core.ToIdentity("g")} {
				ev := core.Event{Key: "x", Data: fmt.Sprintf("%d to %s", i, to)}
				if _, err := hub.Publish(t.Context(), "c", ev, core.Only(to)); err != nil {
					t.Fatalf("Publish: %v", err)
				}
			}
		}
		goOn()
		slow.wants(t, "one for each audience", "c x=0",
			"c 29 to ", "c 29 to group:g", "c 29 to group:h", "c 29 to identity:g")
	})
}

// A subscriber that resumes within the ring receives the latest event of each
// key. One that reads history receives all of it, and is conflated afterwards.
func TestConflateAndHistory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, conflateConfig(8))
		ids := update(t, hub, "x=1", "y=2", "x=3", "y=4")
		after := consume(t, hub, core.Subscription{Channels: []string{"c"}, After: ids[0]})
		after.wants(t, "after the first", "c x=3", "c y=4")
		all := consume(t, hub, core.Subscription{Channels: []string{"c"}, Start: core.Earliest()})
		all.wants(t, "earliest", "c x=1", "c y=2", "c x=3", "c y=4")
		two := consume(t, hub, core.Subscription{Channels: []string{"c"}, Start: core.Last(2)})
		two.wants(t, "the last two", "c x=3", "c y=4")
		found, err := hub.History(t.Context(), core.Subscription{Channels: []string{"c"}, Start: core.Snapshot()}, 10)
		if err != nil || len(found) != 2 || found[0].Data != "x=3" || found[1].Data != "y=4" {
			t.Errorf("History of a snapshot: got %+v, %v", found, err)
		}
		// There are more keys than the ring holds; history has the others.
		for i := range 20 {
			update(t, hub, strconv.Itoa(i)+"=key")
		}
		again := consume(t, hub, core.Subscription{Channels: []string{"c"}, After: ids[3]})
		var want []string
		for i := range 20 {
			want = append(want, "c "+strconv.Itoa(i)+"=key")
		}
		again.wants(t, "after what left the ring", want...)
	})
}

// While history is read page by page, more than the ring holds is published.
// The latest value of every key arrives, and no key goes back to an older
// value.
func TestConflateWhileHistoryIsPaged(t *testing.T) {
	t.Parallel()
	for _, start := range []core.Start{core.Earliest(), core.Snapshot(), core.Last(900)} {
		synctest.Test(t, func(t *testing.T) {
			cfg := conflateConfig(50)
			cfg.PageBytes = 1 << 10
			hub := openHub(t, cfg)
			const keys = 30
			value := 0
			some := func(n int) {
				for range n {
					value++
					update(t, hub, fmt.Sprintf("%d=%d", value%keys, value))
				}
			}
			some(1000)
			c, goOn := consumeHalting(t, hub, core.Subscription{Channels: []string{"c"}, Start: start})
			synctest.Wait()
			some(500)
			goOn()
			some(20)
			synctest.Wait()
			latest, last := make(map[string]int), core.Position{}
			for i, text := range c.seen() {
				var key string
				var n int
				if _, err := fmt.Sscanf(strings.Replace(text, "=", " ", 1), "c %s %d", &key, &n); err != nil {
					t.Fatalf("got %q: %v", text, err)
				}
				at, _ := core.ParsePosition(c.ids[i])
				if at.Seq <= last.Seq || n <= latest[key] {
					t.Fatalf("got %q at %d after %d", text, at.Seq, last.Seq)
				}
				latest[key], last = n, at
			}
			for n := value; n > value-keys; n-- {
				if got := latest[strconv.Itoa(n%keys)]; got != n {
					t.Errorf("latest of key %d: got %d, want %d", n%keys, got, n)
				}
			}
		})
	}
}

// Publishing costs the same however many keys a full ring has.
func BenchmarkPublishConflating(b *testing.B) {
	for _, ring := range []int{1 << 10, 1 << 14} {
		for _, keys := range []int{1, ring * 3 / 4, ring - 1, 2 * ring} {
			b.Run(fmt.Sprintf("ring=%d/keys=%d", ring, keys), func(b *testing.B) {
				b.ReportAllocs()
				cfg := conflateConfig(ring)
				cfg.RingBytes = 1 << 30
				hub := openHub(b, cfg)
				names := make([]string, keys)
				for i := range names {
					names[i] = strconv.Itoa(i)
				}
				i := 0
				for b.Loop() {
					i++
					ev := stockUpdate
					ev.Key = names[i*7919%keys]
					if _, err := hub.Publish(b.Context(), "c", ev); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
