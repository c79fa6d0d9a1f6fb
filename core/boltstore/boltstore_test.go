package boltstore_test

import (
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
	"github.com/tidings-go/tidings/core/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// storage is for the conformance suite.
func storage(sync boltstore.Sync) storetest.Storage {
	return func(tb testing.TB, retention core.Retention) storetest.Open {
		tb.Helper()
		path := filepath.Join(tb.TempDir(), "history.db")
		return func() core.Store {
			store, err := boltstore.Open(path, boltstore.Config{Retention: retention, Sync: sync})
			if err != nil {
				tb.Fatalf("Open: %v", err)
			}
			return store
		}
	}
}

func TestConforms(t *testing.T) {
	t.Parallel()
	for _, sync := range []boltstore.Sync{boltstore.SyncAlways, boltstore.SyncInterval} {
		t.Run(sync.String(), func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, storage(sync), storetest.Options{Durable: true, Age: 50 * time.Millisecond})
		})
	}
}
