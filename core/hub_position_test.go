package core_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// follow returns the data of the next n events after an ID, as one text.
func follow(t *testing.T, hub *core.Hub, after string, n int) string {
	t.Helper()
	var data []string
	for d, err := range hub.Subscribe(t.Context(), core.Subscription{Channels: []string{"news"}, After: after}) {
		if err != nil {
			t.Fatalf("after %s: got error %v, want events", after, err)
		}
		if data = append(data, d.Data); len(data) == n {
			break
		}
	}
	return strings.Join(data, " ")
}

// What follows a position is what is published later: before the first event,
// after events with IDs of the app's own, and after those of other channels.
func TestPosition(t *testing.T) {
	t.Parallel()
	hub := core.NewHub(core.HubConfig{})
	publish := func(channel, id, data string) {
		t.Helper()
		if _, err := hub.Publish(t.Context(), channel, core.Event{ID: id, Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	positions := []string{hub.Position()}
	if p, ok := core.ParsePosition(positions[0]); !ok || p.Seq != 0 {
		t.Errorf("before the first event: got %s, want the position before it", positions[0])
	}
	publish("news", "", "one")
	positions = append(positions, hub.Position())
	publish("news", "row 7", "two")
	positions = append(positions, hub.Position())
	publish("weather", "", "none of it")
	positions = append(positions, hub.Position())
	publish("news", "row 3", "three")
	for i, want := range []string{"one two three", "two three", "three", "three"} {
		if got := follow(t, hub, positions[i], len(strings.Fields(want))); got != want {
			t.Errorf("after position %d, %s: got %q, want %q", i, positions[i], got, want)
		}
	}
	if found, err := hub.History(t.Context(), core.Subscription{Channels: []string{"news"}, After: hub.Position()}, 1); len(found) != 0 || err != nil {
		t.Errorf("after the last position: got %v, %v, want nothing", found, err)
	}
}

// A position from before a restart counts, where history survives it.
func TestPositionAfterRestart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "history.db")
	open := func() *core.Hub {
		store, err := boltstore.Open(file, boltstore.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return core.NewHub(core.HubConfig{Store: store})
	}
	publish := func(hub *core.Hub, data string) {
		if _, err := hub.Publish(t.Context(), "news", core.Event{Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	hub := open()
	publish(hub, "old")
	before := hub.Position()
	publish(hub, "one")
	if err := hub.Close(); err != nil {
		t.Fatal(err)
	}
	hub = open()
	defer hub.Close() //nolint:errcheck // The test is about something else.
	after := hub.Position()
	publish(hub, "two")
	for position, want := range map[string]string{before: "one two", after: "two"} {
		if got := follow(t, hub, position, len(strings.Fields(want))); got != want {
			t.Errorf("after %s: got %q, want %q", position, got, want)
		}
	}
}

func TestLoadStateError(t *testing.T) {
	t.Parallel()
	broken := errors.New("no database")
	_, err := core.LoadState(t.Context(), core.NewHub(core.HubConfig{}), func(context.Context) (int, error) { return 1, broken })
	if !errors.Is(err, broken) {
		t.Errorf("got error %v, want the one of the function", err)
	}
}

// Accounts that change as fast as they can, each change being published.
type (
	account struct{ Version, Sum int }

	bank struct {
		hub *core.Hub

		mu       sync.Mutex
		accounts []account
		history  [][]int // the sum of each account at each version
	}
)

func newBank(accounts int) *bank {
	return &bank{
		hub: core.NewHub(core.HubConfig{
			Store:      core.NewMemoryStore(core.Retention{Events: 1 << 17, Bytes: -1, TotalBytes: -1}),
			RingEvents: 1 << 14,
			RingBytes:  8 << 20,
		}),
		accounts: make([]account, accounts),
		history:  make([][]int, accounts),
	}
}

// change changes an account, and then publishes by how much.
func (b *bank) change(ctx context.Context, i int) error {
	amount := rand.IntN(1000) - 500
	b.mu.Lock()
	a := &b.accounts[i]
	a.Version++
	a.Sum += amount
	version := a.Version
	b.history[i] = append(b.history[i], a.Sum)
	b.mu.Unlock()
	_, err := b.hub.Publish(ctx, "accounts", core.Event{Data: fmt.Sprint(i, version, amount)})
	return err
}

func (b *bank) read(context.Context) ([]account, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]account(nil), b.accounts...), nil
}

// truth returns the sum of an account at a version.
func (b *bank) truth(i, version int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.history[i][version-1]
}

// awaitChange waits until an event is published: what may happen at any time
// happens now.
func (b *bank) awaitChange(ctx context.Context) error {
	for _, err := range b.hub.Subscribe(ctx, core.Subscription{Channels: []string{"accounts"}}) {
		if errors.Is(err, core.ErrSlow) {
			return nil // more than one was
		}
		return err
	}
	return ctx.Err()
}

// client follows the stream after a state for some events, and reports whether
// it always had the truth.
func (b *bank) client(ctx context.Context, s core.State[[]account], events int) (bool, error) {
	after := s.LastEventID
	for {
		for d, err := range b.hub.Subscribe(ctx, core.Subscription{Channels: []string{"accounts"}, After: after}) {
			if errors.Is(err, core.ErrSlow) {
				break // as a browser does, come back with the last ID
			}
			if err != nil {
				return false, err
			}
			var i, version, amount int
			if _, err := fmt.Sscan(d.Data, &i, &version, &amount); err != nil {
				return false, fmt.Errorf("event %q: %w", d.Data, err)
			}
			after = d.ID
			if a := &s.State[i]; version > a.Version { // else the state has it
				*a = account{version, a.Sum + amount}
				if a.Sum != b.truth(i, version) {
					return false, nil
				}
			}
			if events--; events == 0 {
				return true, nil
			}
		}
	}
}

// loads is how often TestLoadState loads a state.
var loads = flag.Int("loads", 200, "how often TestLoadState loads a state, such as 1000")

// TestLoadState loads a state again and again while it changes as fast as
// events can be published, and checks after each event of the stream that the
// two together are the truth. The same in the wrong order is not.
func TestLoadState(t *testing.T) {
	t.Parallel()
	const accounts, wrongLoads = 4, 50
	b := newBank(accounts)
	ctx, cancel := context.WithCancel(t.Context())
	var publishers sync.WaitGroup
	for i := range accounts {
		publishers.Go(func() {
			for ctx.Err() == nil {
				if err := b.change(ctx, i); err != nil && ctx.Err() == nil {
					t.Errorf("Publish: %v", err)
					return
				}
			}
		})
	}
	defer publishers.Wait()
	defer cancel()
	// Each tenth load has an event published before it reads the state.
	for n := range *loads {
		s, err := core.LoadState(ctx, b.hub, func(ctx context.Context) ([]account, error) {
			if n%10 == 0 {
				if err := b.awaitChange(ctx); err != nil {
					return nil, err
				}
			}
			return b.read(ctx)
		})
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := b.client(ctx, s, 10*accounts); err != nil || !ok {
			t.Fatalf("load %d: got the truth %v, error %v, want true", n, ok, err)
		}
	}
	lost := 0
	for range wrongLoads {
		state, _ := b.read(ctx)
		if err := b.awaitChange(ctx); err != nil {
			t.Fatal(err)
		}
		wrong := core.State[[]account]{State: state, LastEventID: b.hub.Position()}
		ok, err := b.client(ctx, wrong, 25*accounts)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			lost++
		}
	}
	t.Logf("%d loads, %d events published: 0 wrong; in the wrong order, %d of %d are", *loads, b.hub.Stats().Published, lost, wrongLoads)
	if lost == 0 {
		t.Errorf("the wrong order: got the truth each time, want events lost")
	}
}
