package boltstore_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// fill appends n events of a size to a channel.
func fill(t *testing.T, store core.Store, channel string, n, size int) {
	t.Helper()
	const batch = 500
	for i := 0; i < n; i += batch {
		records := make([]core.Record, 0, batch)
		for k := range batch {
			r := indexed(channel, i+k)
			r.Body = []byte("data: " + strings.Repeat("x", size) + "\n")
			records = append(records, r)
		}
		appendTo(t, store, records...)
	}
}

// Forgotten channels of any size are removed from the file while events are
// published.
func TestSweepKeepsUpWithPublishing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const total, events, size = 2 << 20, 3000, 200
		path := fresh(t)
		store := open(t, path, boltstore.Config{Retention: core.Retention{Events: -1, Bytes: -1, TotalBytes: total}})
		for round := range 5 {
			name := fmt.Sprint("room ", round)
			fill(t, store, name, events, size)
			if err := store.Forget(t.Context(), name); err != nil {
				t.Fatalf("Forget: %v", err)
			}
			appendTo(t, store, record("other", "x"))
			if got := counts(t, store); got["swept"] > 1 || got["entries"] > events+round+1 {
				t.Errorf("round %d: got %v in the file, want at most one channel and %d entries", round, got, events+round+1)
			}
		}
		fill(t, store, "other", events, size)
		if got := counts(t, store); got["swept"] > 0 || got["entries"] != events+5 {
			t.Errorf("after as many events as were forgotten: got %v in the file, want %d entries", got, events+5)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 4*total {
			t.Errorf("got a file of %d bytes, want at most %d", info.Size(), 4*total)
		}
		t.Logf("%d bytes for %d", info.Size(), total)
	})
}

// Entries over a bound are removed from the file while events are published,
// also those of other channels.
func TestTrimKeepsUpWithPublishing(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	store := open(t, path, boltstore.Config{Retention: core.Retention{Events: -1, Bytes: -1, TotalBytes: -1}})
	for i := range 4 {
		fill(t, store, fmt.Sprint("room ", i), 3000, 10)
	}
	closeStore(t, store)
	synctest.Test(t, func(t *testing.T) {
		store := open(t, path, boltstore.Config{Retention: core.Retention{Events: 100}})
		for i := range 50 {
			appendTo(t, store, record("other", strconv.Itoa(i)))
		}
		synctest.Wait()
		if got := counts(t, store); got["entries"] != 4*100+50 {
			t.Errorf("got %v in the file, want the newest 100 of each channel", got)
		}
	})
}

// The bounds also hold for batches that are larger than what a transaction
// removes by default.
func TestLargeBatchesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := open(t, fresh(t), boltstore.Config{Retention: core.Retention{Events: -1, Bytes: -1, TotalBytes: 1 << 20}})
		for round := range 4 {
			records := make([]core.Record, 6000)
			for i := range records {
				records[i] = record("a", strings.Repeat("x", 100))
			}
			appendTo(t, store, records...)
			if got, _ := store.Entries(); got > 7000 {
				t.Errorf("round %d: got %d entries in the file, want those of about %d bytes", round, got, 1<<20)
			}
		}
	})
}

// The bytes of the indexes count, too: long IDs and keys do not make the file
// grow beyond the bounds.
func TestIndexesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const total = 1 << 20
		path := fresh(t)
		store := open(t, path, boltstore.Config{Retention: core.Retention{Events: -1, Bytes: -1, TotalBytes: total}})
		for round := range 30 {
			records := make([]core.Record, 100)
			for i := range records {
				records[i] = record("a", "x")
				records[i].ID = fmt.Sprintf("%01000d", 100*round+i)
				records[i].Key = fmt.Sprintf("%0200d", 100*round+i)
			}
			appendTo(t, store, records...)
		}
		used, err := store.Used()
		if err != nil {
			t.Fatal(err)
		}
		if used > total {
			t.Errorf("got %d bytes in the buckets, want %d at most", used, total)
		}
		counts(t, store)
		t.Logf("%d bytes of %d", used, total)
	})
}
