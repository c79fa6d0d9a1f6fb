package pgstore_test

import (
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/pgstore"
	"github.com/tidings-go/tidings/core/storetest"
)

// storage makes a schema for each test.
func storage(cfg pgstore.Config) storetest.Storage {
	return func(tb testing.TB, retention history.Retention) storetest.Open {
		tb.Helper()
		cfg := cfg
		cfg.Schema, cfg.Retention = schema(), retention
		cfg.Maintain = 50 * time.Millisecond
		return func() history.Store { return open(tb, cfg) }
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storage(pgstore.Config{}), storetest.Options{
		Shared: true, Durable: true, Age: 300 * time.Millisecond, Wait: 30 * time.Second,
	})
}

// The same without LISTEN and prepared statements, and with partitions so small
// that each test needs many.
func TestStorePollOnly(t *testing.T) {
	t.Parallel()
	cfg := pgstore.Config{PollOnly: true, Poll: 5 * time.Millisecond, PartitionEvents: 50}
	storetest.Run(t, storage(cfg), storetest.Options{
		Shared: true, Durable: true, Age: 300 * time.Millisecond, Wait: 30 * time.Second,
	})
}
