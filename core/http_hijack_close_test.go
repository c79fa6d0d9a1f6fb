//go:build linux

package core_test

import (
	"errors"
	"strconv"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// A stream that is closed between two batches gets no other one: live, from the
// ring, or from history.
func TestHijackCloseBetweenBatches(t *testing.T) {
	t.Parallel()
	const events, batch = 1000, 256
	hub := openHub(t, core.HubConfig{RingEvents: 2 * events})
	first := publish(t, hub, "a", "first")[0]
	for i := range events {
		ev := core.Event{Key: strconv.Itoa(i), Data: "x"}
		if _, err := hub.Publish(t.Context(), "a", ev); err != nil {
			t.Fatalf("Publish: %v", err)
		}
	}
	f := openFixture(t, hub, core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
		h.OnDeliver(func(events, _ int) {
			if events > 0 {
				_ = h.Close()
			}
		})
		return nil
	}}}, map[string]func(*core.Gate) *core.Endpoint{
		"/ring": subscribeTo("a"),
		"/snapshot": func(g *core.Gate) *core.Endpoint {
			return g.SubscribeFunc(func(*core.Handshake) (core.Subscription, error) {
				return core.Subscription{Channels: []string{"a"}, Start: core.Snapshot()}, nil
			})
		},
	})
	for path, lastID := range map[string]string{"/ring": first, "/snapshot": ""} {
		c := f.open(t, path, lastID, 0)
		c.wantEOF(t)
		if sum := f.Closed(t); !errors.Is(sum.Reason, core.ErrClosed) || sum.Events == 0 || sum.Events > batch {
			t.Errorf("%s: got %+v, want ErrClosed and one batch", path, sum)
		}
	}
}
