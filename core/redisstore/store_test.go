package redisstore_test

import (
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/redisstore"
	"github.com/tidings-go/tidings/core/storetest"
)

// storage makes a prefix for each test.
func storage(cfg redisstore.Config) storetest.Storage {
	return func(tb testing.TB, retention history.Retention) storetest.Open {
		tb.Helper()
		cfg := cfg
		cfg.Prefix, cfg.Retention = prefix(), retention
		cfg.Maintain = 50 * time.Millisecond
		return func() history.Store { return open(tb, shared, cfg) }
	}
}

// options are what the store promises.
func options() storetest.Options {
	return storetest.Options{Shared: true, Durable: true, Age: 300 * time.Millisecond, Wait: 30 * time.Second}
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storage(redisstore.Config{}), options())
}

// The same with so small a tail that what is not kept is removed at once.
func TestStoreSmallTail(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storage(redisstore.Config{TailEvents: 8, TailBytes: 1 << 10}), options())
}
