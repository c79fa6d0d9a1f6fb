package core_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
)

// A gap is reported, and the subscription continues from the beginning of
// history.
func TestSubscribeSaysGaps(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		after string // empty: the ID of event number trimmed
		start core.Start
		want  []string
	}{
		{"trimmed, live", "", core.Live(), []string{"gap: trimmed, 6 to 10"}},
		{"trimmed, earliest", "", core.Earliest(), append([]string{"gap: trimmed, 6 to 10"}, numbers(6, 10)...)},
		{"trimmed, last", "", core.Last(2), append([]string{"gap: trimmed, 6 to 10"}, numbers(9, 10)...)},
		{"unknown, earliest", "nobody's", core.Earliest(), append([]string{"gap: unknown, 6 to 10"}, numbers(6, 10)...)},
		{"restarted, live", "1-3", core.Live(), []string{"gap: restarted, 6 to 10"}},
		{"restarted, snapshot", "1-3", core.Snapshot(), []string{"gap: restarted, 6 to 10"}},
	} {
		for _, ringEvents := range []int{2, 100} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					hub := openHub(t, core.HubConfig{
						RingEvents: ringEvents, Store: core.NewMemoryStore(core.Retention{Events: 5}),
					})
					ids := publish(t, hub, "a", numbers(1, 10)...)
					sub := core.Subscription{Channels: []string{"a"}, After: test.after, Start: test.start}
					if sub.After == "" {
						sub.After = ids[3]
					}
					c := consume(t, hub, sub)
					c.wants(t, "start", test.want...)
					publish(t, hub, "a", "11")
					c.wants(t, "one more", slices.Concat(test.want, []string{"11"})...)
				})
			})
		}
	}
}

// An ID of this epoch that was not published yet is unknown.
func TestSubscribeAfterTheFuture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{})
		p, _ := core.ParsePosition(publish(t, hub, "a", "1")[0])
		p.Seq = 7
		c := consume(t, hub, core.Subscription{Channels: []string{"a"}, After: p.String()})
		c.wants(t, "start", "gap: unknown, 1 to 1")
		publish(t, hub, "a", numbers(2, 9)...)
		c.wants(t, "live", append([]string{"gap: unknown, 1 to 1"}, numbers(2, 9)...)...)
	})
}

// New subscribers do not receive events that have left history, even if the
// ring still has them. Earlier subscribers do.
func TestSubscribeHidesWhatIsTooOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{Store: core.NewMemoryStore(core.Retention{Age: time.Minute})})
		ids := publish(t, hub, "a", "1", "2")
		time.Sleep(30 * time.Second)
		ids = append(ids, publish(t, hub, "a", "3")...)
		time.Sleep(31 * time.Second)
		c := consume(t, hub, core.Subscription{Channels: []string{"a"}, After: ids[0], Start: core.Earliest()})
		c.wants(t, "after the first", "gap: trimmed, 3 to 3", "3")
		c = consume(t, hub, core.Subscription{Channels: []string{"a"}, After: ids[1]})
		c.wants(t, "after the second", "3")
		c = consume(t, hub, core.Subscription{Channels: []string{"a"}, Start: core.Last(3)})
		c.wants(t, "the last 3", "3")
		time.Sleep(time.Minute)
		c = consume(t, hub, core.Subscription{Channels: []string{"a"}, Start: core.Earliest()})
		c.wants(t, "when all is too old")
		// Another subscriber makes the ring keep the event.
		gone := consume(t, hub, core.Subscription{Channels: []string{"a"}, After: ids[1]})
		gone.wants(t, "after the second, when the third is too old", "gap: trimmed, 3 to 3")
		c = consume(t, hub, core.Subscription{Channels: []string{"a"}, After: ids[2]})
		publish(t, hub, "a", "4")
		c.wants(t, "after the newest of them", "4")
	})
}

// consumeHalting starts a consumer that blocks at its first event. The returned
// function releases it.
func consumeHalting(t *testing.T, hub *core.Hub, sub core.Subscription) (*consumer, func()) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	c := &consumer{cancel: cancel, done: make(chan struct{})}
	halted := make(chan struct{})
	go func() {
		defer close(c.done)
		first := true
		for d, err := range hub.Subscribe(ctx, sub) {
			c.take(d, err)
			if first && err == nil {
				<-halted
				first = false
			}
		}
	}()
	t.Cleanup(func() { c.stop() })
	return c, func() { close(halted) }
}

// A live subscriber that has fallen behind the ring receives the events that it
// had taken before, and an error. It can resume from there.
func TestSubscribeSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{RingEvents: 4})
		sub := core.Subscription{Channels: []string{"a", "b"}}
		slow, goOn := consumeHalting(t, hub, sub)
		quick := consume(t, hub, sub)
		synctest.Wait()
		publish(t, hub, "a", "1")
		slow.wants(t, "at the first", "1")
		publish(t, hub, "b", "2")
		publish(t, hub, "a", numbers(3, 6)...) // the ring is full
		synctest.Wait()
		publish(t, hub, "a", "7") // 3 is out of it
		quick.wants(t, "quick", "1", "b 2", "3", "4", "5", "6", "7")
		goOn()
		slow.wants(t, "slow", "1", "slow")
		sub.After = slow.ids[len(slow.ids)-1]
		again := consume(t, hub, sub)
		again.wants(t, "again", "b 2", "3", "4", "5", "6", "7")
	})
}

// A subscriber that is as far behind as the ring holds is not slow.
func TestSubscribeAsFarBehindAsTheRing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{RingEvents: 4})
		c, goOn := consumeHalting(t, hub, core.Subscription{Channels: []string{"a"}})
		synctest.Wait()
		publish(t, hub, "a", "1")
		c.wants(t, "at the first", "1")
		publish(t, hub, "b", numbers(1, 20)...)
		publish(t, hub, "a", numbers(2, 5)...)
		goOn()
		c.wants(t, "all", numbers(1, 5)...)
	})
}

// The ring is also bounded by bytes, but always has room for one event.
func TestSubscribeRingBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{RingBytes: 1})
		c, goOn := consumeHalting(t, hub, core.Subscription{Channels: []string{"a"}})
		synctest.Wait()
		publish(t, hub, "a", "1")
		c.wants(t, "at the first", "1")
		publish(t, hub, "a", "2")
		goOn()
		c.wants(t, "one behind", "1", "2")
		publish(t, hub, "a", "3")
		c.wants(t, "live", "1", "2", "3")
	})
}

// History that is trimmed while it is read causes a gap.
func TestSubscribeTrimmedWhileReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{
			RingEvents: 4, Store: core.NewMemoryStore(core.Retention{Events: 600}),
		})
		publish(t, hub, "a", numbers(1, 600)...)
		c, goOn := consumeHalting(t, hub, core.Subscription{Channels: []string{"a"}, Start: core.Earliest()})
		c.wants(t, "at the first", "1")
		publish(t, hub, "a", numbers(601, 1000)...)
		goOn()
		synctest.Wait()
		got := c.seen()
		at := slices.Index(got, "gap: trimmed, 401 to 1000")
		if at < 0 {
			t.Fatalf("got %q, want a gap", got)
		}
		if before := got[:at]; !slices.Equal(before, numbers(1, at)) {
			t.Errorf("before the gap: got %q, want what follows the first without a gap", before)
		}
		if after := got[at+1:]; !slices.Equal(after, numbers(401, 1000)) {
			t.Errorf("after the gap: got %q, want 401 to 1000", after)
		}
	})
}

// A busy consumer does not keep others from reading history.
func TestSubscribeReplaysDoNotWaitForConsumers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{RingEvents: 4, MaxReplays: 1})
		publish(t, hub, "a", numbers(1, 1000)...)
		sub := core.Subscription{Channels: []string{"a"}, Start: core.Earliest()}
		busy, goOn := consumeHalting(t, hub, sub)
		busy.wants(t, "at the first", "1")
		for range 3 {
			c := consume(t, hub, sub)
			c.wants(t, "another", numbers(1, 1000)...)
		}
		goOn()
		busy.wants(t, "let go", numbers(1, 1000)...)
	})
}

// Events that were trimmed before a subscription began are no gap, however its
// history is divided into pages. Events that are trimmed during the read are
// one.
func TestEarliestOfChannelsTrimmedApart(t *testing.T) {
	t.Parallel()
	store := core.NewMemoryStore(core.Retention{Events: 500})
	hub := openHub(t, core.HubConfig{Store: store, RingEvents: 4})
	for range 400 {
		publish(t, hub, "a", "a")
	}
	for range 2000 {
		publish(t, hub, "b", "b")
	}
	for name, start := range map[string]core.Start{"earliest": core.Earliest(), "last": core.Last(900)} {
		got, err := hub.History(t.Context(), core.Subscription{Channels: []string{"a", "b"}, Start: start}, 5000)
		if err != nil || len(got) != 900 {
			t.Errorf("%s: got %d events, %v, want 900", name, len(got), err)
		}
	}
	names := []string{"a", "b"}
	first, err := store.Read(t.Context(), core.Query{Channels: names, Oldest: true, MaxEvents: 100})
	if err != nil {
		t.Fatalf("first page: %v", err)
	}
	for range 300 {
		publish(t, hub, "a", "newer")
	}
	_, err = store.Read(t.Context(), core.Query{Channels: names, After: first.Through, Gone: first.Gone, MaxEvents: 100})
	var gap *core.GapError
	if !errors.As(err, &gap) || gap.Reason != core.GapTrimmed {
		t.Errorf("after more was trimmed: got %v, want a gap", err)
	}
}
