package core_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core"
)

// openHub returns a hub that is closed when the test ends.
func openHub(tb testing.TB, cfg core.HubConfig) *core.Hub {
	tb.Helper()
	hub := core.NewHub(cfg)
	tb.Cleanup(func() {
		if err := hub.Close(); err != nil {
			tb.Errorf("Close: got error %v, want none", err)
		}
	})
	return hub
}

// publish publishes events with that data, and returns their IDs.
func publish(tb testing.TB, hub *core.Hub, channel string, data ...string) []string {
	tb.Helper()
	ids := make([]string, len(data))
	for i, d := range data {
		var err error
		if ids[i], err = hub.Publish(tb.Context(), channel, core.Event{Data: d}); err != nil {
			tb.Fatalf("Publish %q to %q: %v", d, channel, err)
		}
	}
	return ids
}

// numbers returns the numbers from a to b, as text.
func numbers(a, b int) []string {
	var texts []string
	for i := a; i <= b; i++ {
		texts = append(texts, strconv.Itoa(i))
	}
	return texts
}

// consumer records the events of a subscription.
type consumer struct {
	cancel context.CancelCauseFunc
	done   chan struct{}

	mu   sync.Mutex
	got  []string // data, with the channel before it if that is not "a"; or what an error says
	errs []error
	ids  []string
}

var errStopped = errors.New("stopped by the test")

// consume subscribes in a goroutine that ends with the test.
func consume(t *testing.T, hub *core.Hub, sub core.Subscription) *consumer {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	c := &consumer{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		for d, err := range hub.Subscribe(ctx, sub) {
			c.take(d, err)
		}
	}()
	t.Cleanup(func() { c.stop() })
	return c
}

func (c *consumer) take(d core.Delivery, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.got = append(c.got, errText(err))
		c.errs = append(c.errs, err)
		return
	}
	text := d.Data
	if d.Channel != "a" {
		text = d.Channel + " " + text
	}
	c.got = append(c.got, text)
	c.ids = append(c.ids, d.ID)
}

// errText returns a short form of an error.
func errText(err error) string {
	if gap := (*core.GapError)(nil); errors.As(err, &gap) {
		return fmt.Sprintf("gap: %s, %d to %d", gap.Reason, gap.Oldest.Seq, gap.Newest.Seq)
	}
	for name, sentinel := range map[string]error{"slow": core.ErrSlow, "closed": core.ErrHubClosed, "stopped": errStopped} {
		if errors.Is(err, sentinel) {
			return name
		}
	}
	return "error: " + err.Error()
}

// seen returns what came until now.
func (c *consumer) seen() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.got)
}

// stop ends the subscription, and returns all that came.
func (c *consumer) stop() []string {
	c.cancel(errStopped)
	<-c.done
	return c.seen()
}

// wants waits until all goroutines of the bubble wait, and compares what came.
func (c *consumer) wants(t *testing.T, when string, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := c.seen(); !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", when, got, want)
	}
}

// wantChannels checks how many channels the hub holds.
func wantChannels(t *testing.T, hub *core.Hub, when string, want int) {
	t.Helper()
	if got := hub.Stats().Channels; got != want {
		t.Errorf("channels %s: got %d, want %d", when, got, want)
	}
}

func TestHubStats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{})
		if got := hub.Stats(); !reflect.DeepEqual(got, core.Stats{}) {
			t.Errorf("at first: got %+v, want none", got)
		}
		publish(t, hub, "a", "1", "2")
		publish(t, hub, "b", "3")
		c := consume(t, hub, core.Subscription{Channels: []string{"b", "c"}})
		c.wants(t, "live")
		got := hub.Stats()
		if got.RingBytes <= 0 {
			t.Errorf("bytes in rings: got %d, want some", got.RingBytes)
		}
		got.RingBytes = 0
		if want := (core.Stats{Channels: 3, Published: 3}); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		c.stop()
		wantChannels(t, hub, "after c had no subscriber any more", 2)
	})
}

func TestHubCloses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := core.NewHub(core.HubConfig{})
		publish(t, hub, "a", "1")
		c := consume(t, hub, core.Subscription{Channels: []string{"a"}, Start: core.Earliest()})
		waits := consume(t, hub, core.Subscription{Channels: []string{"b"}})
		c.wants(t, "open", "1")
		for range 2 {
			if err := hub.Close(); err != nil {
				t.Errorf("Close: got error %v, want none", err)
			}
		}
		c.wants(t, "closed", "1", "closed")
		waits.wants(t, "closed", "closed")
		if _, err := hub.Publish(t.Context(), "a", core.Event{}); !errors.Is(err, core.ErrHubClosed) {
			t.Errorf("Publish: got %v, want ErrHubClosed", err)
		}
		for _, start := range []core.Start{core.Live(), core.Earliest(), core.Last(1), core.Snapshot()} {
			for _, err := range hub.Subscribe(t.Context(), core.Subscription{Channels: []string{"a"}, Start: start}) {
				if !errors.Is(err, core.ErrHubClosed) {
					t.Errorf("Subscribe: got %v, want ErrHubClosed", err)
				}
			}
		}
		if _, err := hub.History(t.Context(), core.Subscription{Channels: []string{"a"}, Start: core.Earliest()}, 1); !errors.Is(err, core.ErrHubClosed) {
			t.Errorf("History: got %v, want ErrHubClosed", err)
		}
	})
}

// sharedStore is a store that hub.Close does not close.
type sharedStore struct{ core.Store }

func (sharedStore) Close() error { return nil }

// openStore returns a store that is closed when the test ends.
func openStore(t *testing.T) core.Store {
	t.Helper()
	store := core.NewMemoryStore(core.Retention{})
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("Close: got error %v, want none", err)
		}
	})
	return store
}

func TestHubOnStoreWithHistory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := openStore(t)
		first := openHub(t, core.HubConfig{Store: sharedStore{store}})
		ids := publish(t, first, "a", "1", "2")
		if err := first.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		hub := openHub(t, core.HubConfig{Store: sharedStore{store}})
		live := consume(t, hub, core.Subscription{Channels: []string{"a"}})
		all := consume(t, hub, core.Subscription{Channels: []string{"a"}, Start: core.Earliest()})
		after := consume(t, hub, core.Subscription{Channels: []string{"a"}, After: ids[0]})
		all.wants(t, "history", "1", "2")
		ids = append(ids, publish(t, hub, "a", "3")...)
		live.wants(t, "live", "3")
		all.wants(t, "history and live", "1", "2", "3")
		after.wants(t, "after the first", "2", "3")
		if !slices.Equal(all.ids, ids) || !ascending(ids) {
			t.Errorf("got IDs %q, want %q, going up", all.ids, ids)
		}
	})
}

func TestTwoHubsOnOneStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := openStore(t)
		one := openHub(t, core.HubConfig{Store: sharedStore{store}})
		two := openHub(t, core.HubConfig{Store: sharedStore{store}})
		sub := core.Subscription{Channels: []string{"a", "b"}}
		there, here := consume(t, one, sub), consume(t, two, sub)
		synctest.Wait()
		var ids []string
		for i, data := range numbers(1, 20) {
			ids = append(ids, publish(t, []*core.Hub{one, two}[i%2], []string{"a", "b", "c"}[i%3], data)...)
		}
		synctest.Wait()
		if !slices.Equal(there.seen(), here.seen()) || !slices.Equal(there.ids, here.ids) || len(here.ids) != 14 {
			t.Errorf("got %q with IDs %q here, %q with IDs %q there, want the same 14", here.seen(), here.ids, there.seen(), there.ids)
		}
		if !ascending(ids) {
			t.Errorf("got IDs %q, want them to go up", ids)
		}
		// A client goes on at the other hub.
		c := consume(t, one, core.Subscription{Channels: []string{"a", "b", "c"}, After: ids[16]})
		c.wants(t, "after the 17th", "c 18", "19", "b 20")
		if one.Stats().Published != 10 || two.Stats().Published != 10 {
			t.Errorf("got %+v and %+v, want 10 published through each", one.Stats(), two.Stats())
		}
	})
}

// ascending reports whether IDs are positions that go up.
func ascending(ids []string) bool {
	last := core.Position{}
	for _, id := range ids {
		p, ok := core.ParsePosition(id)
		if !ok || p.Seq <= last.Seq || last.Epoch != 0 && p.Epoch != last.Epoch {
			return false
		}
		last = p
	}
	return true
}

func TestNewHubPanicsOnAClosedStore(t *testing.T) {
	t.Parallel()
	store := core.NewMemoryStore(core.Retention{})
	if err := store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	defer func() {
		if text := fmt.Sprint(recover()); !strings.Contains(text, "store") {
			t.Errorf("got panic %q, want one about the store", text)
		}
	}()
	core.NewHub(core.HubConfig{Store: store})
}
