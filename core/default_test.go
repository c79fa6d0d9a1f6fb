package core_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
)

// A negative bound is none.
func TestNegativeBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const events, year = 3000, 365 * 24 * time.Hour
		hub := openHub(t, core.HubConfig{
			RingEvents: -1, RingBytes: -1, TotalRingBytes: -1, MaxChannels: -1, MaxEvent: -1,
			PageBytes: -1, MaxReplays: -1, SessionTTL: -1, MaxSessions: -1, MaxSessionBytes: -1,
			Store: core.NewMemoryStore(core.Retention{
				Events: -1, Bytes: -1, Idle: -1, TotalBytes: -1, OnceWindow: -1, OnceKeys: -1,
			}),
		})
		first, err := hub.Publish(t.Context(), "a", core.Event{}, core.Once("key"))
		if err != nil {
			t.Fatalf("Publish: %v", err)
		}
		time.Sleep(year)
		again, err := hub.Publish(t.Context(), "a", core.Event{}, core.Once("key"))
		if err != nil || again != first {
			t.Errorf("Publish a year later: got %q and %v, want %q", again, err, first)
		}
		for range events {
			publish(t, hub, "a", "x")
		}
		publish(t, hub, "a", strings.Repeat("x", 3*mib))
		if got, want := ringSizes(hub)["a"], events+2; got != want {
			t.Errorf("events in the ring: got %d, want %d", got, want)
		}
		found, err := hub.History(t.Context(), core.Subscription{Channels: []string{"a"}, Start: core.Earliest()}, 2*events)
		if err != nil || len(found) != events+2 {
			t.Errorf("events in history: got %d and %v, want %d", len(found), err, events+2)
		}
	})
}

// A negative StallTimeout keeps a client that takes nothing for ever.
func TestNegativeStallTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{Channels: []core.ChannelConfig{{Pattern: "*", Slow: core.Skip, StallTimeout: -1}}})
		s, c := openSubscribed(t, hub, core.GateConfig{Heartbeat: -1}, core.Subscription{Channels: []string{"a"}})
		c.conn.block()
		publish(t, hub, "a", "x")
		time.Sleep(24 * time.Hour)
		if err := s.Err(); err != nil {
			t.Errorf("after a day: got %v, want an open stream", err)
		}
		c.conn.unblock()
	})
}
