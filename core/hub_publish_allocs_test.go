package core_test

import (
	"testing"

	"github.com/tidings-go/tidings/core"
)

// Publish allocates the frame, the entry, the ID that it returns, and a copy of
// a key, which may be lent.
func TestPublishAllocates(t *testing.T) { //nolint:paralleltest // It counts allocations.
	hub := openHub(t, core.HubConfig{})
	ctx := t.Context()
	for range 3000 { // the rings have their sizes
		publish(t, hub, "a", "x")
	}
	for _, ev := range []core.Event{{Data: "x"}, {Name: "stockupdate", Data: `{"stock":"IBM","value":567.29}`, Key: "IBM"}} {
		got := testing.AllocsPerRun(1000, func() {
			if _, err := hub.Publish(ctx, "a", ev); err != nil {
				t.Fatalf("Publish: %v", err)
			}
		})
		limit := 3.0
		if ev.Key != "" {
			limit++
		}
		if got > limit {
			t.Errorf("Publish %+v: got %v allocations, want at most %v", ev, got, limit)
		}
	}
}
