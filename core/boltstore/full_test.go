package boltstore_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// On a full disk, Append returns an error and delivers nothing, and the next
// event gets the position. When there is space again, Append succeeds.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	store := open(t, path, boltstore.Config{})
	sink := attach(t, store)
	appendTo(t, store, record("a", "1"))
	store.Limit(1)
	large := record("a", strings.Repeat("x", 200_000))
	for range 3 {
		if entries, err := store.Append(t.Context(), []core.Record{record("b", "small"), large}); err == nil {
			t.Fatalf("Append on a full disk: got %d entries, want an error", len(entries))
		}
	}
	if got := len(sink.calls()); got != 1 {
		t.Errorf("got %d deliveries, want 1", got)
	}
	if got := len(kept(t, store, "a", "b")); got != 1 {
		t.Errorf("got %d events kept, want 1", got)
	}
	store.Limit(0)
	entries := appendTo(t, store, large, record("b", "2"))
	if entries[0].Position.Seq != 2 {
		t.Errorf("with space again: got position %v, want number 2", entries[0].Position)
	}
	if _, err := store.Counts(); err != nil {
		t.Errorf("the file: %v", err)
	}
	closeStore(t, store)
	if got := kept(t, open(t, path, boltstore.Config{Verify: true}), "a", "b"); len(got) != 3 {
		t.Errorf("opened again: got %d events, want 3", len(got))
	}
}

// With SyncInterval, the journal keeps events until there is space again.
func TestFullDiskWithJournal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := fresh(t)
		store := open(t, path, boltstore.Config{Sync: boltstore.SyncInterval, Interval: time.Second})
		sink := attach(t, store)
		store.Limit(1)
		for range 3 {
			appendTo(t, store, record("a", strings.Repeat("x", 100_000)))
		}
		if got := len(sink.calls()); got != 3 {
			t.Errorf("got %d deliveries, want 3: the journal has them", got)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if _, err := store.Read(t.Context(), core.Query{Channels: []string{"a"}, Oldest: true}); err == nil {
			t.Error("Read of events that are not in the file: got no error, want one")
		}
		if got := kept(t, open(t, crash(t, path, wholeJournal), boltstore.Config{}), "a"); len(got) != 3 {
			t.Errorf("after a crash: got %d events, want 3", len(got))
		}
		store.Limit(0)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := kept(t, open(t, crash(t, path, noJournal), boltstore.Config{}), "a"); len(got) != 3 {
			t.Errorf("with space again, after a power loss: got %d events, want 3", len(got))
		}
		if got := kept(t, store, "a"); len(got) != 3 {
			t.Errorf("with space again: got %d events, want 3", len(got))
		}
	})
}
