package core_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
)

// heldStore delivers when the test says so, and counts how often it is read.
type heldStore struct {
	*core.MemoryStore

	sink  core.Sink
	held  [][]*core.Entry
	reads atomic.Int64
}

func (h *heldStore) Attach(sink core.Sink) (core.Position, error) {
	h.sink = sink
	return h.MemoryStore.Attach((*heldSink)(h))
}

func (h *heldStore) Read(ctx context.Context, q core.Query) (core.Page, error) {
	h.reads.Add(1)
	return h.MemoryStore.Read(ctx, q)
}

// deliver passes on the oldest that is held.
func (h *heldStore) deliver() {
	entries := h.held[0]
	h.held = h.held[1:]
	h.sink.Deliver(entries)
}

type heldSink heldStore

func (h *heldSink) Deliver(entries []*core.Entry) { h.held = append(h.held, entries) }

func (h *heldSink) Trimmed(string, uint64) {}

// A store may return entries that it has not delivered yet. Reading stops once
// those were delivered, as the ring has what follows.
func TestSubscribeGoesLiveOnALateStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &heldStore{MemoryStore: core.NewMemoryStore(core.Retention{})}
		hub := openHub(t, core.HubConfig{Store: store})
		publish(t, hub, "a", "1")
		c := consume(t, hub, core.Subscription{Channels: []string{"a"}, Start: core.Earliest()})
		c.wants(t, "read ahead of delivery", "1")
		publish(t, hub, "a", "2")
		store.deliver()
		c.wants(t, "when the first was delivered", "1")
		reads := store.reads.Load()
		for i := 3; i <= 20; i++ { // there is always one that was not delivered
			publish(t, hub, "a", numbers(i, i)...)
			store.deliver()
			c.wants(t, "live", numbers(1, i-1)...)
		}
		if got := store.reads.Load() - reads; got != 0 {
			t.Errorf("live: got %d reads of the store, want none", got)
		}
	})
}

// An ID that this hub's store has handed out, but not delivered, resumes.
func TestSubscribeAfterWhatIsNotDelivered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &heldStore{MemoryStore: core.NewMemoryStore(core.Retention{})}
		hub := openHub(t, core.HubConfig{Store: store})
		ids := publish(t, hub, "a", "1", "2", "3")
		c := consume(t, hub, core.Subscription{Channels: []string{"a"}, After: ids[1]})
		c.wants(t, "from the store", "3")
		newest := consume(t, hub, core.Subscription{Channels: []string{"a"}, After: ids[2]})
		newest.wants(t, "nothing newer")
		found, err := hub.History(t.Context(), core.Subscription{Channels: []string{"a"}, After: ids[0]}, 10)
		if err != nil || len(found) != 2 {
			t.Errorf("History: got %+v, %v, want 2 events", found, err)
		}
		for range ids {
			store.deliver()
		}
		c.wants(t, "delivered", "3")
		newest.wants(t, "delivered")
		publish(t, hub, "a", "4")
		store.deliver()
		c.wants(t, "live", "3", "4")
		newest.wants(t, "live", "4")
	})
}

// What is in the ring is not asked of the store, up to the oldest that is not.
func TestSubscribeSparesTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &heldStore{MemoryStore: core.NewMemoryStore(core.Retention{})}
		hub := openHub(t, core.HubConfig{Store: store, RingEvents: 4})
		ids := publish(t, hub, "a", numbers(1, 10)...)
		for range ids {
			store.deliver()
		}
		for i := 5; i < 10; i++ {
			c := consume(t, hub, core.Subscription{Channels: []string{"a"}, After: ids[i]})
			c.wants(t, "after "+ids[i], numbers(i+2, 10)...)
		}
		if got := store.reads.Load(); got != 0 {
			t.Errorf("after what the ring holds: got %d reads of the store, want none", got)
		}
		c := consume(t, hub, core.Subscription{Channels: []string{"a"}, After: ids[4]})
		c.wants(t, "after "+ids[4], numbers(6, 10)...)
		if got := store.reads.Load(); got == 0 {
			t.Error("after what the ring does not hold: got no read of the store, want one")
		}
	})
}

// alternatingStore is a store whose reads alternate with a publisher.
type alternatingStore struct {
	*core.MemoryStore

	read chan struct{}
}

func (g alternatingStore) Read(ctx context.Context, q core.Query) (core.Page, error) {
	page, err := g.MemoryStore.Read(ctx, q)
	select {
	case g.read <- struct{}{}: // now the publisher overruns the ring
	default:
	}
	return page, err
}

// History does not hand over to the ring: while a page is decoded, new events
// may overrun a small ring.
func TestHistoryIsNeverSlow(t *testing.T) {
	t.Parallel()
	store := alternatingStore{core.NewMemoryStore(core.Retention{Events: -1, Bytes: -1}), make(chan struct{})}
	hub := openHub(t, core.HubConfig{RingEvents: 1, Store: store})
	data := strings.Repeat("line\n", 2000)
	first := publish(t, hub, "a", "first", data, data, data, data, data, data)[0]
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-store.read:
			}
			for range 5 {
				_, _ = hub.Publish(t.Context(), "a", core.Event{})
			}
		}
	}()
	for i := range 40 {
		_, err := hub.History(t.Context(), core.Subscription{Channels: []string{"a"}, After: first}, 1000)
		if err != nil {
			t.Errorf("turn %d: got error %v, want none", i, err)
			break
		}
	}
	close(stop)
	<-stopped
}

// appendingStore is a store that appends entries right before it is read.
type appendingStore struct {
	*core.MemoryStore

	before func()
}

func (o *appendingStore) Read(ctx context.Context, q core.Query) (core.Page, error) {
	if before := o.before; before != nil {
		o.before = nil
		before()
	}
	return o.MemoryStore.Read(ctx, q)
}

// Events that are published between subscribing and reading neither hide
// earlier ones nor come twice.
func TestSubscribeIsOvertaken(t *testing.T) {
	t.Parallel()
	for _, ringEvents := range []int{1, 100} {
		synctest.Test(t, func(t *testing.T) { readWhileAppended(t, ringEvents) })
	}
}

func readWhileAppended(t *testing.T, ringEvents int) {
	t.Helper()
	store := &appendingStore{MemoryStore: core.NewMemoryStore(core.Retention{})}
	hub := openHub(t, core.HubConfig{Store: store, RingEvents: ringEvents})
	publish(t, hub, "a", "1", "2")
	next := 3
	overtake := func() { publish(t, hub, "a", numbers(next, next+1)...); next += 2 }
	for _, start := range []core.Start{core.Earliest(), core.Last(1), core.Last(4)} {
		sub := core.Subscription{Channels: []string{"a"}, Start: start}
		store.before = overtake
		found, err := hub.History(t.Context(), sub, 100)
		if err != nil || len(found) == 0 || found[len(found)-1].Data != numbers(next-1, next-1)[0] {
			t.Errorf("History of %+v: got %+v, %v, want some up to %d", start, found, err, next-1)
		}
		store.before = overtake
		c := consume(t, hub, sub)
		synctest.Wait()
		publish(t, hub, "a", numbers(next, next)...)
		next++
		synctest.Wait()
		got := c.seen()
		if len(got) == 0 || !slices.Equal(got, numbers(next-len(got), next-1)) {
			t.Errorf("Subscribe with %+v: got %q, want some up to %d", start, got, next-1)
		}
		c.stop()
	}
}

// Channels without subscribers are removed with their history.
func TestHubReleasesWhatIsTooOld(t *testing.T) { //nolint:paralleltest // It looks at the heap.
	const channels = 3000
	for _, subscribed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			hub := openHub(t, core.HubConfig{Store: core.NewMemoryStore(core.Retention{Age: time.Minute})})
			heap := func() int64 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return int64(m.HeapAlloc)
			}
			before := heap()
			ctx, cancel := context.WithCancel(t.Context())
			for i := range channels {
				channel := fmt.Sprintf("user %d", i)
				if subscribed { // until after it is too old
					c := make(chan struct{})
					go func() {
						defer close(c)
						for _, err := range hub.Subscribe(ctx, core.Subscription{Channels: []string{channel}}) {
							if err != nil {
								return
							}
						}
					}()
					synctest.Wait()
				}
				publish(t, hub, channel, strings.Repeat("x", 5000))
			}
			const full = 5000 * channels
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			cancel()
			synctest.Wait()
			if left := heap() - before; left > full/4 {
				t.Errorf("subscribed: %t: got %d bytes left of %d, want less than a quarter", subscribed, left, full)
			}
			// What was released is still a gap, and what follows still comes.
			c := consume(t, hub, core.Subscription{Channels: []string{"user 1"}, Start: core.Earliest()})
			publish(t, hub, "user 1", "next")
			c.wants(t, "next", "user 1 next")
		})
	}
}

// Released events leave a gap for subscribers that resume.
func TestHubReleasesButSaysGaps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{Store: core.NewMemoryStore(core.Retention{Age: time.Minute})})
		ids := publish(t, hub, "a", "1", "2")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		sub := core.Subscription{Channels: []string{"a"}, After: ids[0]}
		for range 2 { // the second time when the first has left
			c := consume(t, hub, sub)
			c.wants(t, "after the first", "gap: trimmed, 2 to 2")
			c.stop()
		}
		sub.After = ids[1]
		c := consume(t, hub, sub)
		c.wants(t, "after the second")
		publish(t, hub, "a", "3")
		c.wants(t, "live", "3")
	})
}
