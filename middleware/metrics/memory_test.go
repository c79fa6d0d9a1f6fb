//go:build linux

package metrics_test

import (
	"log/slog"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/internal/idletest"
	"github.com/tidings-go/tidings/middleware"
	"github.com/tidings-go/tidings/middleware/metrics"
)

// TestMemory measures what metrics add to the memory of a waiting stream: nothing,
// also beside logging and limits.
//
//nolint:paralleltest // It looks at the heap.
func TestMemory(t *testing.T) {
	const streams, bound, boundOfAll = 3000, 16, 300
	watched := func() *core.Hub {
		hub := core.NewHub(core.HubConfig{})
		t.Cleanup(metrics.New(hub, metrics.Config{}).Close)
		return hub
	}
	both := []core.Middleware{
		middleware.Logging(slog.New(slog.DiscardHandler)), middleware.Limit(middleware.LimitConfig{PerAddress: streams}),
	}
	idletest.Bytes(t, watched(), streams/10) // what is made once
	none := idletest.Bytes(t, core.NewHub(core.HubConfig{}), streams)
	alone := idletest.Bytes(t, watched(), streams)
	all := idletest.Bytes(t, watched(), streams, both...)
	t.Logf("a stream: %d bytes without middleware, %d with metrics, %d with logging and limits, too", none, alone, all)
	if alone-none > bound || all-none > boundOfAll {
		t.Errorf("got %d and %d bytes more, want %d and %d at most", alone-none, all-none, bound, boundOfAll)
	}
}
