// Package nodetest tests stores on a storage that machines share: with several
// hubs in one process, and with nodes in processes of their own that are killed.
package nodetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
)

// Patience bounds how long a test waits before it fails.
const Patience = 20 * time.Second

// Node is a machine of an app: a hub on a store.
type Node struct{ *core.Hub }

// New returns a node on a store, which is closed in the end.
func New(tb testing.TB, store history.Store) Node {
	tb.Helper()
	hub := core.NewHub(core.HubConfig{Store: store})
	tb.Cleanup(func() {
		if err := hub.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return Node{hub}
}

// MustPublish publishes an event and returns its ID.
func (n Node) MustPublish(tb testing.TB, channel, data string) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), Patience)
	defer cancel()
	id, err := n.Publish(ctx, channel, core.Event{Data: data})
	if err != nil {
		tb.Fatalf("Publish %q: %v", data, err)
	}
	return id
}

// Numbers returns "prefix from" to "prefix to".
func Numbers(prefix string, from, to int) (all []string) {
	for i := from; i <= to; i++ {
		all = append(all, fmt.Sprintf("%s %d", prefix, i))
	}
	return all
}

// All is a subscription to the channel "a" from an event on.
func All(after string) core.Subscription {
	return core.Subscription{Channels: []string{"a"}, Start: core.Earliest(), After: after}
}

// Pause waits up to twice so many seconds, and reports whether ctx goes on.
func Pause(ctx context.Context, seconds float64) bool {
	timer := time.NewTimer(time.Duration(rand.Float64() * 2 * seconds * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
