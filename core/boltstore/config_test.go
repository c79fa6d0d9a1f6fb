package boltstore_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core/boltstore"
)

// With a negative Interval, no time passes after which events are synced. Reads
// and Close sync them.
func TestNoInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := fresh(t)
		store := open(t, path, boltstore.Config{Sync: boltstore.SyncInterval, Interval: -1})
		synced := func() int {
			return len(kept(t, open(t, crash(t, path, noJournal), boltstore.Config{}), "a"))
		}
		appendTo(t, store, record("a", "1"))
		time.Sleep(12 * time.Hour)
		synctest.Wait()
		if got := synced(); got != 0 {
			t.Errorf("after 12 hours: got %d events synced, want none", got)
		}
		commitPending(t, store)
		if got := synced(); got != 1 {
			t.Errorf("after a read: got %d events synced, want 1", got)
		}
		appendTo(t, store, record("a", "2"))
		closeStore(t, store)
		if got := len(kept(t, open(t, path, boltstore.Config{}), "a")); got != 2 {
			t.Errorf("after Close: got %d events, want 2", got)
		}
	})
}

// With a negative LockWait, Open does not wait: no time passes in the bubble.
func TestNoLockWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := fresh(t)
		open(t, path, boltstore.Config{})
		for _, wait := range []time.Duration{-1, 0, time.Minute} {
			began := time.Now()
			if _, err := boltstore.Open(path, boltstore.Config{LockWait: wait}); !errors.Is(err, boltstore.ErrLocked) {
				t.Fatalf("LockWait %v: got error %v, want ErrLocked", wait, err)
			}
			want := map[time.Duration]time.Duration{-1: 0, 0: time.Second, time.Minute: time.Minute}[wait]
			if got := time.Since(began).Round(time.Second); got != want {
				t.Errorf("LockWait %v: Open took %v, want %v", wait, got, want)
			}
		}
	})
}
