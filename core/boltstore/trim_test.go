package boltstore_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// counts checks the file, and returns the number of keys in each bucket that has
// any.
func counts(t *testing.T, store *boltstore.Store) map[string]int {
	t.Helper()
	counts, err := store.Counts()
	if err != nil {
		t.Fatalf("the file: %v", err)
	}
	return counts
}

// gapAfter returns the reason for the gap after a sequence number, or "".
func gapAfter(t *testing.T, store core.Store, seq uint64, channels ...string) core.GapReason {
	t.Helper()
	_, newest, err := store.Bounds(t.Context(), []string{"none"})
	if err != nil {
		t.Fatalf("Bounds: got error %v, want none", err)
	}
	newest.Seq = seq
	_, err = store.Read(t.Context(), core.Query{Channels: channels, After: newest})
	if err != nil && reason(err) == "" {
		t.Fatalf("Read: got error %v, want a gap or none", err)
	}
	return reason(err)
}

// indexed returns a record with an ID and a key.
func indexed(channel string, n int) core.Record {
	r := record(channel, strconv.Itoa(n))
	r.ID, r.Key, r.To = fmt.Sprint("id ", n), fmt.Sprint("key ", n), core.ToGroup("x")
	return r
}

// wantKept checks what a store returns of channel a, whose entries 2 and 3 are
// too old.
func wantKept(t *testing.T, store core.Store, when string, want ...string) {
	t.Helper()
	_, newest, err := store.Bounds(t.Context(), []string{"none"})
	if err != nil {
		t.Fatalf("Bounds: %v", err)
	}
	newest.Seq = 3
	for _, q := range []core.Query{{Oldest: true}, {Tail: 5}, {Snapshot: true}, {After: newest}} {
		q.Channels = []string{"a", "none"}
		page, err := store.Read(t.Context(), q)
		if err != nil || !slices.Equal(ids(page.Entries), want) {
			t.Errorf("%s: Read %+v: got %q, %v, want %q", when, q, ids(page.Entries), err, want)
		}
	}
	if _, err := store.Resolve(t.Context(), []string{"a"}, "id 2"); !errors.Is(err, core.ErrUnknownID) {
		t.Errorf("%s: Resolve: got error %v, want ErrUnknownID", when, err)
	}
	if got := gapAfter(t, store, 2, "a"); got != core.GapTrimmed {
		t.Errorf("%s: got gap %q, want %q", when, got, core.GapTrimmed)
	}
}

// Entries that are too old, but not removed yet, are not returned, also after
// the next event.
func TestTooOldIsHidden(t *testing.T) {
	t.Parallel()
	for name, retention := range map[string]core.Retention{"idle": {Idle: 100 * time.Second}, "age": {Age: 100 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			store := open(t, fresh(t), boltstore.Config{Retention: retention})
			sink := attach(t, store)
			appendTo(t, store, indexed("first", 0)) // 1
			time.Sleep(500 * time.Millisecond)
			appendTo(t, store, indexed("a", 1), indexed("a", 2)) // 2, 3
			time.Sleep(100*time.Second + 100*time.Millisecond)
			synctest.Wait()
			if got := counts(t, store)["entries"]; got != 2 {
				t.Fatalf("%s: got %d entries in the file, want 2: it does not look at all of it so often", name, got)
			}
			wantKept(t, store, name)
			appendTo(t, store, indexed("a", 4))
			wantKept(t, store, name+", with another", "id 4")
			if got := sink.trimmedThrough("a"); got != 3 {
				t.Errorf("%s: got a notice up to %d, want 3", name, got)
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			got, want := counts(t, store), map[string]int{"entries": 1, "ids": 1, "keys": 1, "channels": 1}
			if delete(got, "tombs"); !maps.Equal(got, want) {
				t.Errorf("%s: got %v in the file, want %v", name, got, want)
			}
		})
	}
}

// Entries that are too old are not returned while others of the channel are.
func TestTooOldIsHiddenAmongOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := open(t, fresh(t), boltstore.Config{Retention: core.Retention{Age: 100 * time.Second}})
		appendTo(t, store, indexed("first", 0)) // 1
		time.Sleep(500 * time.Millisecond)
		appendTo(t, store, indexed("a", 1), indexed("a", 2)) // 2, 3
		time.Sleep(50 * time.Second)
		appendTo(t, store, indexed("a", 3)) // 4
		time.Sleep(50*time.Second + 100*time.Millisecond)
		synctest.Wait()
		if got := counts(t, store)["entries"]; got != 3 {
			t.Fatalf("got %d entries in the file, want 3: it does not look at all of it so often", got)
		}
		for _, q := range []core.Query{{Oldest: true}, {Tail: 5}, {Snapshot: true}} {
			q.Channels = []string{"a"}
			page, err := store.Read(t.Context(), q)
			if err != nil || !slices.Equal(ids(page.Entries), []string{"id 3"}) {
				t.Errorf("Read %+v: got %q, %v, want the last", q, ids(page.Entries), err)
			}
		}
		for n := 1; n <= 3; n++ {
			_, err := store.Resolve(t.Context(), []string{"a"}, fmt.Sprint("id ", n))
			if known := err == nil; known != (n == 3) {
				t.Errorf("Resolve of number %d: got error %v", n, err)
			}
		}
		oldest, _, err := store.Bounds(t.Context(), []string{"a"})
		if err != nil || oldest.Seq != 4 {
			t.Errorf("Bounds: got oldest %v, %v, want number 4", oldest, err)
		}
		if got := gapAfter(t, store, 2, "a") + gapAfter(t, store, 3, "a"); got != core.GapTrimmed {
			t.Errorf("got gaps %q, want one after number 2 only", got)
		}
	})
}

// Pending records are bounded when they are committed because of another
// channel's age.
func TestPendingIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := open(t, fresh(t), boltstore.Config{
			Sync: boltstore.SyncInterval, Interval: time.Hour,
			Retention: core.Retention{Age: 10 * time.Second, Channels: []core.ChannelRetention{{Pattern: "b", Events: 3}}},
		})
		appendTo(t, store, indexed("a", 0))
		commitPending(t, store)
		for i := range 8 {
			appendTo(t, store, indexed("b", i))
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := counts(t, store)["entries"]; got != 3 {
			t.Errorf("got %d entries in the file, want the newest 3 of b", got)
		}
	})
}

// Entries that are too old are removed without a call, also those of the
// previous store.
func TestAges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := fresh(t)
		cfg := boltstore.Config{Retention: core.Retention{Age: time.Hour}}
		store := open(t, path, cfg)
		appendTo(t, store, indexed("a", 1))
		time.Sleep(30 * time.Minute)
		appendTo(t, store, indexed("a", 2), indexed("b", 3))
		closeStore(t, store)
		time.Sleep(20 * time.Minute)

		store = open(t, path, cfg)
		sink := attach(t, store)
		for _, step := range []struct {
			after   time.Duration
			entries int
			gone    uint64
		}{{0, 3, 0}, {11 * time.Minute, 2, 1}, {31 * time.Minute, 0, 2}} {
			time.Sleep(step.after)
			synctest.Wait()
			if got := counts(t, store)["entries"]; got != step.entries {
				t.Errorf("after %v: got %d entries in the file, want %d", step.after, got, step.entries)
			}
			if got := sink.trimmedThrough("a"); got != step.gone {
				t.Errorf("after %v: got a notice up to %d, want %d", step.after, got, step.gone)
			}
		}
		if got, want := counts(t, store), (map[string]int{"tombs": 2}); !maps.Equal(got, want) {
			t.Errorf("at last: got %v in the file, want %v", got, want)
		}
	})
}

// A smaller retention than that of the previous store applies at once.
func TestRetentionOfNextStore(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	store := open(t, path, boltstore.Config{Retention: core.Retention{Events: -1, Bytes: -1}})
	var entries []*core.Entry
	for i := range 30 {
		entries = append(entries, appendTo(t, store, indexed("a", i), indexed("b", i))...)
	}
	closeStore(t, store)
	store = open(t, path, boltstore.Config{Retention: core.Retention{Events: 4, Channels: []core.ChannelRetention{{Pattern: "b", Events: 9}}}})
	if got := ids(kept(t, store, "a")); !slices.Equal(got, []string{"id 26", "id 27", "id 28", "id 29"}) {
		t.Errorf("got %q kept, want the newest 4", got)
	}
	if got := kept(t, store, "b"); len(got) != 9 {
		t.Errorf("got %d kept, want 9", len(got))
	}
	if got := gapAfter(t, store, entries[0].Seq(), "a"); got != core.GapTrimmed {
		t.Errorf("got gap %q, want %q", got, core.GapTrimmed)
	}
	counts(t, store)
}

// However much is published, the file stops growing.
func TestFileIsBounded(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	store := open(t, path, boltstore.Config{
		Retention: core.Retention{Events: 200, TotalBytes: 512 << 10},
		Sync:      boltstore.SyncInterval, // which is faster
		Interval:  time.Hour,
	})
	written, after := 0, make([]int64, 0, 10)
	for round := range 10 {
		for i := range 10 {
			var records []core.Record
			for n := range 100 {
				r := indexed(fmt.Sprint("channel ", (i*n+round)%50), i*100+n)
				r.Body = []byte("data: " + strings.Repeat("x", 50*(n%20)) + "\n")
				written += len(r.Body)
				records = append(records, r)
			}
			appendTo(t, store, records...)
		}
		if err := store.Forget(t.Context(), fmt.Sprint("channel ", round)); err != nil {
			t.Fatalf("Forget: %v", err)
		}
		commitPending(t, store)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		after = append(after, info.Size())
	}
	if after[9] > after[4] {
		t.Errorf("got sizes %d, want no growth in the second half", after)
	}
	counts(t, store)
	t.Logf("%d bytes of events, sizes %d", written, after)
}
