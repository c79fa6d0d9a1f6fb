package core_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core"
)

// New subscribers do not receive forgotten events. A subscriber that resumes
// before them receives a gap; one that has received them, or is subscribed,
// does not.
func TestForget(t *testing.T) {
	t.Parallel()
	for _, ringEvents := range []int{2, 100} {
		synctest.Test(t, func(t *testing.T) {
			hub := openHub(t, core.HubConfig{RingEvents: ringEvents})
			ids := publish(t, hub, "a", numbers(1, 3)...)
			publish(t, hub, "b", "other")
			there := consume(t, hub, core.Subscription{Channels: []string{"a"}, Start: core.Earliest()})
			behind, goOn := consumeHalting(t, hub, core.Subscription{Channels: []string{"a"}, Start: core.Last(1)})
			synctest.Wait()
			ids = append(ids, publish(t, hub, "a", "4", "5")...)
			there.wants(t, "before", numbers(1, 5)...)
			if err := hub.Forget(t.Context(), "a"); err != nil {
				t.Fatalf("Forget: %v", err)
			}
			goOn()
			behind.wants(t, "behind", numbers(3, 5)...)
			for _, start := range []core.Start{core.Earliest(), core.Last(3), core.Snapshot(), core.Live()} {
				c := consume(t, hub, core.Subscription{Channels: []string{"a"}, Start: start})
				c.wants(t, "start when it is forgotten")
				c = consume(t, hub, core.Subscription{Channels: []string{"a", "b"}, Start: start, After: ids[3]})
				synctest.Wait()
				if got := c.seen(); len(got) == 0 || got[0] != "gap: trimmed, 4 to 4" {
					t.Errorf("after an event that is forgotten: got %q, want a gap", got)
				}
			}
			newest := consume(t, hub, core.Subscription{Channels: []string{"a"}, After: ids[4]})
			newest.wants(t, "after the newest")
			publish(t, hub, "a", "6")
			newest.wants(t, "after the newest, live", "6")
			there.wants(t, "live", numbers(1, 6)...)
			all := consume(t, hub, core.Subscription{Channels: []string{"a"}, Start: core.Earliest()})
			all.wants(t, "earliest, later", "6")
			// Forget a channel twice, and one that does not exist.
			for range 2 {
				for _, channel := range []string{"a", "never"} {
					if err := hub.Forget(t.Context(), channel); err != nil {
						t.Errorf("Forget %s: %v", channel, err)
					}
				}
			}
		})
	}
}

// A channel without subscribers is removed with its history.
func TestForgetLeavesNoChannel(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	for i := range 100 {
		channel := fmt.Sprintf("user %d", i)
		publish(t, hub, channel, "x", "y")
		if err := hub.Forget(t.Context(), channel); err != nil {
			t.Fatalf("Forget: %v", err)
		}
	}
	wantChannels(t, hub, "when all are forgotten", 0)
}

func TestForgetRefuses(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	if err := hub.Forget(t.Context(), ""); !errors.Is(err, core.ErrChannelName) {
		t.Errorf("no name: got %v, want ErrChannelName", err)
	}
	if err := hub.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if err := hub.Forget(t.Context(), "a"); !errors.Is(err, core.ErrHubClosed) {
		t.Errorf("closed: got %v, want ErrHubClosed", err)
	}
}
