package memstore_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/memstore"
)

func TestRetentionDefaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		retention history.Retention
		size      int // of each event's data
		publish   int
		want      int
	}{
		{"events by default", history.Retention{}, 10, 1100, 1024},
		{"events unbounded", history.Retention{Events: -1}, 10, 1100, 1100},
		{"events", history.Retention{Events: 3}, 10, 5, 3},
		{"one event", history.Retention{Events: 1}, 10, 5, 1},
		{"bytes by default", history.Retention{}, 1 << 20, 9, 7}, // 8 MiB, and each is a bit more than one
		{"bytes unbounded", history.Retention{Bytes: -1}, 1 << 20, 9, 9},
		{"negative age", history.Retention{Age: -time.Second}, 10, 5, 5},
		{"both bounds", history.Retention{Events: 2, Bytes: 1 << 20}, 10, 5, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store, _ := open(t, test.retention)
			data := strings.Repeat("x", test.size)
			for range test.publish {
				appendTo(t, store, data, "a")
			}
			if got := len(kept(t, store, "a")); got != test.want {
				t.Errorf("got %d of %d events kept, want %d", got, test.publish, test.want)
			}
		})
	}
}

func TestRetentionByBytes(t *testing.T) {
	t.Parallel()
	publish := func(store history.Store) *history.Entry {
		// An ID of its own, because the length of an epoch varies.
		record := history.Record{Channel: "a", ID: "id", Body: []byte("data: " + strings.Repeat("x", 100) + "\n")}
		entries, err := store.Append(t.Context(), []history.Record{record})
		if err != nil {
			t.Fatalf("Append: %v", err)
		}
		return entries[0]
	}
	sizer, _ := open(t, history.Retention{})
	size := publish(sizer).Size()
	if size < 100 || size > 1000 {
		t.Errorf("size of an event with 100 bytes of data: got %d, want 100 and some overhead", size)
	}
	for _, room := range []int{1, size, 5*size - 1, 5 * size, 5*size + 1} {
		store, log := open(t, history.Retention{Bytes: room})
		for i := range 9 {
			publish(store)
			want := min(i+1, max(1, room/size))
			if got := len(kept(t, store, "a")); got != want {
				t.Errorf("%d events in %d bytes: got %d kept, want %d", i+1, room, got, want)
			}
		}
		if want := fmt.Sprintf("a %d", 9-max(1, room/size)); log.notices()[8-max(1, room/size)] != want {
			t.Errorf("%d bytes: got notices %v, want the last to be %q", room, log.notices(), want)
		}
	}
}

func TestRetentionByAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, log := open(t, history.Retention{Age: time.Minute})
		appendTo(t, store, "1", "a")
		time.Sleep(20 * time.Second)
		appendTo(t, store, "2", "a", "b")
		time.Sleep(40*time.Second - time.Nanosecond)
		synctest.Wait()
		if got := kept(t, store, "a", "b"); len(got) != 3 {
			t.Errorf("just before the age: got %v kept, want all 3", got)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got, want := kept(t, store, "a", "b"), []uint64{2, 3}; !slices.Equal(got, want) {
			t.Errorf("at the age: got %v kept, want %v", got, want)
		}
		if want := []string{"a 1"}; !slices.Equal(log.notices(), want) {
			t.Errorf("at the age: got notices %v, want %v", log.notices(), want)
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if got := kept(t, store, "a", "b"); len(got) != 0 {
			t.Errorf("at the age of the others: got %v kept, want none", got)
		}
		notices := log.notices()
		slices.Sort(notices)
		if want := []string{"a 1", "a 2", "b 3"}; !slices.Equal(notices, want) {
			t.Errorf("at the age of the others: got notices %v, want %v", notices, want)
		}
	})
}

// Read returns nothing that is too old, though the timer that trims it may fire
// later: two passes are a hundredth of the age apart.
func TestRetentionByAgeIsExact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, _ := open(t, history.Retention{Age: 100 * time.Second})
		named := func(id string) {
			_, err := store.Append(t.Context(), []history.Record{{Channel: "a", ID: id, Key: id, Body: []byte("data: x\n")}})
			if err != nil {
				t.Fatalf("Append: %v", err)
			}
		}
		named("one")
		time.Sleep(100 * time.Millisecond)
		named("two")
		time.Sleep(time.Millisecond)
		named("three")
		time.Sleep(99999 * time.Millisecond) // "two" is 100 s old
		synctest.Wait()
		q := history.Query{Channels: []string{"a"}}
		for name, ask := range map[string]func(*history.Query){
			"Oldest":   func(q *history.Query) { q.Oldest = true },
			"Tail":     func(q *history.Query) { q.Tail = 3 },
			"Snapshot": func(q *history.Query) { q.Snapshot = true },
		} {
			q := q
			ask(&q)
			page, err := store.Read(t.Context(), q)
			if err != nil || len(page.Entries) != 1 || page.Entries[0].ID() != "three" {
				t.Errorf("%s: got %d entries, %v, want only the third", name, len(page.Entries), err)
			}
		}
		if got := gapAfter(t, store, 1, "a"); got != history.GapTrimmed {
			t.Errorf("after the first: got gap %q, want %q", got, history.GapTrimmed)
		}
		if got := gapAfter(t, store, 2, "a"); got != "" {
			t.Errorf("after the second: got gap %q, want none", got)
		}
		if at, err := store.Resolve(t.Context(), q.Channels, "two"); err == nil {
			t.Errorf("Resolve of what is too old: got %v, want ErrUnknownID", at)
		}
		if oldest, _, err := store.Bounds(t.Context(), q.Channels); err != nil || oldest.Seq != 3 {
			t.Errorf("Bounds: got oldest %v, %v, want 3", oldest, err)
		}
	})
}

// A channel without entries costs nothing, but a gap in it stays one.
func TestForgottenChannelsStillHaveGaps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, _ := open(t, history.Retention{Age: time.Minute})
		appendTo(t, store, "x", "a", "a", "b") // 1 to 3
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		reasons := func(when string, seq uint64, want history.GapReason) {
			t.Helper()
			for _, channel := range []string{"a", "b"} {
				if got := gapAfter(t, store, seq, channel); got != want {
					t.Errorf("%s, %s after %d: got gap %q, want %q", when, channel, seq, got, want)
				}
			}
		}
		reasons("forgotten", 0, history.GapTrimmed)
		reasons("forgotten", 1, history.GapTrimmed)
		reasons("forgotten", 3, "")
		reasons("forgotten", 4, history.GapUnknown)
		appendTo(t, store, "x", "a", "b") // 4 and 5
		reasons("there again", 1, history.GapTrimmed)
		reasons("there again", 3, "")
		if got, want := kept(t, store, "a", "b"), []uint64{4, 5}; !slices.Equal(got, want) {
			t.Errorf("got %v kept, want %v", got, want)
		}
	})
}

// Whatever the order in which they are forgotten, the gap reaches to the newest.
func TestForgottenChannelsHaveOneGap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, _ := open(t, history.Retention{Age: time.Minute})
		for range 10 {
			entries := appendTo(t, store, "x", "a", "b", "c", "d")
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			for _, e := range entries {
				if got := gapAfter(t, store, e.Position.Seq-1, e.Channel); got != history.GapTrimmed {
					t.Errorf("right before %v, on %s: got gap %q, want %q", e.Position, e.Channel, got, history.GapTrimmed)
				}
			}
		}
	})
}

// Memory does not grow with the number of channels that have ever been.
func TestForgottenChannelsCostNothing(t *testing.T) { //nolint:paralleltest // It looks at the heap.
	synctest.Test(t, func(t *testing.T) {
		store, log := open(t, history.Retention{Age: time.Minute})
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := heap()
		for i := range 20_000 {
			appendTo(t, store, strings.Repeat("x", 200), fmt.Sprintf("channel %d", i))
		}
		full := heap() - before
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := len(log.notices()); got != 20_000 {
			t.Errorf("got %d notices of trimming, want 20000", got)
		}
		*log = sinkLog{}
		// The map of channels keeps its buckets.
		if left := int64(heap()) - int64(before); left > int64(full)/3 {
			t.Errorf("after all was forgotten: got %d bytes left of %d, want less than a third", left, full)
		}
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// The timer runs only while there is something to trim, and ends with Close:
// synctest.Test reports a goroutine or a timer that goes on.
func TestAgingEnds(t *testing.T) {
	t.Parallel()
	for _, closed := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			store := memstore.New(history.Retention{Age: time.Minute})
			log := &sinkLog{}
			if _, err := store.Attach(log); err != nil {
				t.Fatalf("Attach: %v", err)
			}
			for range 10 {
				appendTo(t, store, "x", "a", "b")
				time.Sleep(10 * time.Second)
			}
			if closed {
				if err := store.Close(); err != nil {
					t.Fatalf("Close: %v", err)
				}
			}
			before := len(log.notices())
			time.Sleep(time.Hour)
			synctest.Wait()
			if got := len(log.notices()) - before; closed != (got == 0) {
				t.Errorf("closed: %t: got %d notices in the hour after, want some only of an open store", closed, got)
			}
		})
	}
}

// Events that readers were told are gone do not come back with the next event.
func TestRetentionIdleIsForGood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, log := open(t, history.Retention{Idle: 100 * time.Second})
		appendTo(t, store, "x", "first")
		time.Sleep(500 * time.Millisecond)
		old := appendTo(t, store, "x", "a", "a")
		// By now the store has looked after the first channel, and waits a moment
		// before it looks again.
		time.Sleep(100*time.Second + 100*time.Millisecond)
		synctest.Wait()
		if got := kept(t, store, "a"); len(got) != 0 {
			t.Fatalf("idle: got %v kept, want none", got)
		}
		appendTo(t, store, "x", "a")
		if got, want := kept(t, store, "a"), []uint64{4}; !slices.Equal(got, want) {
			t.Errorf("after the next event: got %v kept, want %v", got, want)
		}
		if got := gapAfter(t, store, old[0].Position.Seq, "a"); got != history.GapTrimmed {
			t.Errorf("after what was forgotten: got gap %q, want %q", got, history.GapTrimmed)
		}
		if got, want := log.notices(), []string{"first 1", "a 3"}; !slices.Equal(got, want) {
			t.Errorf("got notices %v, want %v", got, want)
		}
	})
}
