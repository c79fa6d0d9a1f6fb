package core_test

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// busyStore publishes more than history keeps right before it is read.
type busyStore struct {
	*core.MemoryStore

	busy func()
}

func (b *busyStore) Read(ctx context.Context, q core.Query) (core.Page, error) {
	if q.Tail > 0 && b.busy != nil {
		busy := b.busy
		b.busy = nil
		busy()
	}
	return b.MemoryStore.Read(ctx, q)
}

// Events that are published after a subscription with Last began, and trimmed
// before history is read, are reported as a gap.
func TestTailReadLate(t *testing.T) {
	t.Parallel()
	store := &busyStore{MemoryStore: core.NewMemoryStore(core.Retention{Events: 3})}
	hub := core.NewHub(core.HubConfig{Store: store, RingEvents: 2})
	defer func() { _ = hub.Close() }()
	put := func(n int) {
		if _, err := hub.Publish(t.Context(), "a", core.Event{Data: strconv.Itoa(n)}); err != nil {
			t.Fatal(err)
		}
	}
	put(0)
	store.busy = func() {
		for n := range 10 {
			put(n + 1)
		}
	}
	var got []string
	for d, err := range hub.Subscribe(t.Context(), core.Subscription{Channels: []string{"a"}, Start: core.Last(2)}) {
		if gap := (*core.GapError)(nil); errors.As(err, &gap) {
			return // it is told
		}
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, d.Data); d.Data == "10" {
			break
		}
	}
	t.Errorf("got %q without a gap, want a gap, or all of 1 to 10", got)
}
