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

// counts checks the file, and returns how many keys there are in each bucket.
func counts(t *testing.T, store *boltstore.Store) map[string]int {
	t.Helper()
	counts, err := store.Counts()
	if err != nil {
		t.Fatalf("the file: %v", err)
	}
	return counts
}

// gapAfter returns the reason for the gap after a sequence number, or nothing.
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

// full returns a record with all that is indexed.
func full(channel string, n int) core.Record {
	r := record(channel, strconv.Itoa(n))
	r.ID, r.Key, r.To = fmt.Sprint("id ", n), fmt.Sprint("key ", n), core.ToGroup("x")
	return r
}

// While the store waits a moment with the removal of what is too old, nobody
// sees it, nor does the next event bring it back.
func TestTooOldIsHidden(t *testing.T) {
	t.Parallel()
	for name, retention := range map[string]core.Retention{"idle": {Idle: 100 * time.Second}, "age": {Age: 100 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			store := open(t, fresh(t), boltstore.Config{Retention: retention})
			told := attach(t, store)
			appendTo(t, store, full("first", 0)) // 1
			time.Sleep(500 * time.Millisecond)
			appendTo(t, store, full("a", 1), full("a", 2)) // 2, 3
			time.Sleep(100*time.Second + 100*time.Millisecond)
			synctest.Wait()
			if got := counts(t, store)["entries"]; got != 2 {
				t.Fatalf("%s: got %d entries in the file, want 2: it does not look at all of it so often", name, got)
			}
			hidden := func(what string, want ...string) {
				t.Helper()
				for _, q := range []core.Query{{Oldest: true}, {Tail: 5}, {Snapshot: true}, {After: core.Position{}}} {
					q.Channels = []string{"a", "none"}
					if _, q.After, _ = store.Bounds(t.Context(), []string{"none"}); q.Snapshot || q.Oldest || q.Tail > 0 {
						q.After = core.Position{}
					} else {
						q.After.Seq = 3
					}
					page, err := store.Read(t.Context(), q)
					if err != nil || !slices.Equal(ids(page.Entries), want) {
						t.Errorf("%s, %s: Read %+v: got %q, %v, want %q", name, what, q, ids(page.Entries), err, want)
					}
				}
				if _, err := store.Resolve(t.Context(), []string{"a"}, "id 2"); !errors.Is(err, core.ErrUnknownID) {
					t.Errorf("%s, %s: Resolve: got error %v, want ErrUnknownID", name, what, err)
				}
				if got := gapAfter(t, store, 2, "a"); got != core.GapTrimmed {
					t.Errorf("%s, %s: got gap %q, want %q", name, what, got, core.GapTrimmed)
				}
			}
			hidden("too old")
			appendTo(t, store, full("a", 4))
			hidden("with another", "id 4")
			if got := told.hid("a"); got != 3 {
				t.Errorf("%s: got a notice up to %d, want 3", name, got)
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if got, want := counts(t, store), (map[string]int{"entries": 1, "ids": 1, "keys": 1, "channels": 1, "tombs": 1}); !maps.Equal(got, want) {
				delete(got, "tombs")
				if delete(want, "tombs"); !maps.Equal(got, want) {
					t.Errorf("%s: got %v in the file, want %v", name, got, want)
				}
			}
		})
	}
}

// The same, where others of the channel are not too old.
func TestTooOldIsHiddenAmongOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := open(t, fresh(t), boltstore.Config{Retention: core.Retention{Age: 100 * time.Second}})
		appendTo(t, store, full("first", 0)) // 1
		time.Sleep(500 * time.Millisecond)
		appendTo(t, store, full("a", 1), full("a", 2)) // 2, 3
		time.Sleep(50 * time.Second)
		appendTo(t, store, full("a", 3)) // 4
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

// What is committed because something else is too old is bounded, too.
func TestPendingIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := open(t, fresh(t), boltstore.Config{
			Sync: boltstore.SyncInterval, Interval: time.Hour,
			Retention: core.Retention{Age: 10 * time.Second, Channels: []core.ChannelRetention{{Pattern: "b", Events: 3}}},
		})
		appendTo(t, store, full("a", 0))
		settle(t, store)
		for i := range 8 {
			appendTo(t, store, full("b", i))
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := counts(t, store)["entries"]; got != 3 {
			t.Errorf("got %d entries in the file, want the newest 3 of b", got)
		}
	})
}

// What is too old goes from the file by itself, also what the store before left.
func TestAges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := fresh(t)
		cfg := boltstore.Config{Retention: core.Retention{Age: time.Hour}}
		store := open(t, path, cfg)
		appendTo(t, store, full("a", 1))
		time.Sleep(30 * time.Minute)
		appendTo(t, store, full("a", 2), full("b", 3))
		closeStore(t, store)
		time.Sleep(20 * time.Minute)

		store = open(t, path, cfg)
		told := attach(t, store)
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
			if got := told.hid("a"); got != step.gone {
				t.Errorf("after %v: got a notice up to %d, want %d", step.after, got, step.gone)
			}
		}
		if got, want := counts(t, store), (map[string]int{"tombs": 2}); !maps.Equal(got, want) {
			t.Errorf("at last: got %v in the file, want %v", got, want)
		}
	})
}

// Forget leaves nothing in the file but what it needs to tell of a gap, however
// much there was.
func TestForgetSweeps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := open(t, fresh(t), boltstore.Config{Retention: core.Retention{Events: -1}})
		const many = 10_000
		for i := 0; i < many; i += 500 {
			var records []core.Record
			for n := range 500 {
				records = append(records, full("a", i+n))
			}
			appendTo(t, store, records...)
		}
		appendTo(t, store, full("b", 1))
		once := record("a", "once")
		once.Once = "key"
		appendTo(t, store, once)
		if err := store.Forget(t.Context(), "a"); err != nil {
			t.Fatalf("Forget: %v", err)
		}
		if got := kept(t, store, "a", "b"); len(got) != 1 {
			t.Errorf("right after Forget: got %d events, want 1", len(got))
		}
		synctest.Wait()
		want := map[string]int{"entries": 1, "ids": 1, "keys": 1, "channels": 1, "tombs": 1}
		if got := counts(t, store); !maps.Equal(got, want) {
			t.Errorf("after a while: got %v in the file, want %v", got, want)
		}
	})
}

// A store that keeps less than the one before it begins with that.
func TestRetentionOfNextStore(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	store := open(t, path, boltstore.Config{Retention: core.Retention{Events: -1, Bytes: -1}})
	var entries []*core.Entry
	for i := range 30 {
		entries = append(entries, appendTo(t, store, full("a", i), full("b", i))...)
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

// Once keys do not pile up, and the newest are remembered.
func TestOnceKeysAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := open(t, fresh(t), boltstore.Config{Retention: core.Retention{OnceKeys: 10, OnceWindow: time.Minute}})
		publish := func(n int) uint64 {
			r := record("a", "x")
			r.Once = fmt.Sprint("key ", n)
			return appendTo(t, store, r)[0].Seq()
		}
		for i := range 25 {
			publish(i)
		}
		for i := 15; i < 25; i++ {
			if got, want := publish(i), uint64(i+1); got != want {
				t.Errorf("one of the newest 10: got number %d, want %d again", got, want)
			}
		}
		if got := publish(14); got != 26 {
			t.Errorf("one before: got number %d, want a new one", got)
		}
		if got := counts(t, store); got["once"] != 10 || got["onceorder"] != 10 {
			t.Errorf("got %v in the file, want 10 once keys", got)
		}
		time.Sleep(time.Minute)
		for i := range 3 { // each drops more than one of those beyond the window
			publish(100 + i)
		}
		if got := counts(t, store); got["once"] != 3 || got["onceorder"] != 3 {
			t.Errorf("after the window: got %v in the file, want 3 once keys", got)
		}
	})
}

// Of many channels that are forgotten, what they had is known of so many, and of
// the others no less than is right.
func TestTombsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := open(t, fresh(t), boltstore.Config{Retention: core.Retention{Idle: time.Hour}})
		const channels, rounds = 450, 10
		for round := range rounds {
			var records []core.Record
			for i := range channels {
				records = append(records, record(fmt.Sprint("channel ", round, " ", i), "x"))
			}
			appendTo(t, store, records...)
			time.Sleep(2 * time.Hour)
			synctest.Wait()
		}
		if got := counts(t, store); got["tombs"] > 4096 || got["channels"] > 0 || got["entries"] > 0 {
			t.Errorf("got %v in the file, want no channels and up to 4096 tombs", got)
		}
		for round := range rounds {
			seq := uint64(round*channels + 1)
			if got := gapAfter(t, store, seq-1, fmt.Sprint("channel ", round, " ", 0)); got != core.GapTrimmed {
				t.Errorf("round %d: got gap %q, want %q", round, got, core.GapTrimmed)
			}
		}
		if got := gapAfter(t, store, channels*rounds, "channel 0 0"); got != "" {
			t.Errorf("for who is up to date: got gap %q, want none", got)
		}
	})
}

// However much is published, the file comes to a size and stays there.
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
				r := full(fmt.Sprint("channel ", (i*n+round)%50), i*100+n)
				r.Body = []byte("data: " + strings.Repeat("x", 50*(n%20)) + "\n")
				written += len(r.Body)
				records = append(records, r)
			}
			appendTo(t, store, records...)
		}
		if err := store.Forget(t.Context(), fmt.Sprint("channel ", round)); err != nil {
			t.Fatalf("Forget: %v", err)
		}
		settle(t, store)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		after = append(after, info.Size())
	}
	if after[9] > after[4] {
		t.Errorf("got sizes %d, want it to grow no more from the middle on", after)
	}
	counts(t, store)
	t.Logf("%d bytes of events, sizes %d", written, after)
}
