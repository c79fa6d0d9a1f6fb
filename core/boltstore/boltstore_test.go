package boltstore_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
	"github.com/tidings-go/tidings/core/storetest"
)

// TestMain fails if tests leave goroutines behind, except while fuzzing: the
// testing package then has goroutines of its own.
func TestMain(m *testing.M) {
	if path := os.Getenv(publisherFile); path != "" { // see TestKilled
		fmt.Fprintln(os.Stderr, publisher(path, os.Getenv(publisherSync)))
		os.Exit(1)
	}
	if path := os.Getenv(damagedFile); path != "" { // see TestVerifyNeverCrashes
		if err := openDamaged(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	if f := flag.Lookup("test.fuzz"); f != nil && f.Value.String() != "" {
		os.Exit(m.Run())
	}
	if f := flag.Lookup("test.fuzzworker"); f != nil && f.Value.String() == "true" {
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m)
}

// storage returns storage for the conformance suite.
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
			storetest.Run(t, storage(sync), storetest.Options{Durable: true, Tells: true, Age: 50 * time.Millisecond})
		})
	}
}
