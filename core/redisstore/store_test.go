package redisstore_test

import (
	"strings"
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

// The same by a user who may do what the documentation says, and no more.
func TestPermissions(t *testing.T) {
	t.Parallel()
	do(t, shared, words("acl setuser app reset on >secret ~{test* +@connection +@hash +@list +@sortedset +eval +evalsha +script"+
		" +info +time +wait +xread +xrange +xadd +xdel +unlink"))
	url := strings.Replace(shared.URL(), "unix://", "unix://app:secret@", 1)
	storetest.Run(t, func(tb testing.TB, retention history.Retention) storetest.Open {
		tb.Helper()
		cfg := redisstore.Config{Prefix: prefix(), Retention: retention, Maintain: 50 * time.Millisecond}
		return func() history.Store { return openURL(tb, url, cfg) }
	}, options())
}

// The same with so small a tail that what is not kept is removed at once.
func TestStoreSmallTail(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storage(redisstore.Config{TailEvents: 8, TailBytes: 1 << 10}), options())
}
