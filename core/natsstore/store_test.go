package natsstore_test

import (
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/natsstore"
	"github.com/tidings-go/tidings/core/storetest"
)

// storage makes streams for each test.
func storage(common natsstore.Config) storetest.Storage {
	return func(tb testing.TB, retention history.Retention) storetest.Open {
		tb.Helper()
		cfg := named(common)
		cfg.Retention, cfg.Maintain = retention, 50*time.Millisecond
		return func() history.Store { return open(tb, shared.URL(), cfg) }
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storage(natsstore.Config{}), storetest.Options{
		Shared: true, Durable: true, Tells: true, Age: 300 * time.Millisecond, Wait: 30 * time.Second,
	})
}

// The same if no event stays in memory, so that all are read from the stream.
func TestStoreWithoutCache(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storage(natsstore.Config{CacheBytes: -1}), storetest.Options{
		Shared: true, Durable: true, Tells: true, Age: 300 * time.Millisecond, Wait: 30 * time.Second,
	})
}
