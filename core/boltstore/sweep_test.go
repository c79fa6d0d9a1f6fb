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

// room appends n events of a size to a channel, some at a time.
func room(t *testing.T, store core.Store, channel string, n, size int) {
	t.Helper()
	const batch = 500
	for i := 0; i < n; i += batch {
		records := make([]core.Record, 0, batch)
		for k := range batch {
			r := full(channel, i+k)
			r.Body = []byte("data: " + strings.Repeat("x", size) + "\n")
			records = append(records, r)
		}
		appendTo(t, store, records...)
	}
}

// What is forgotten goes from the file while publishing goes on, however large
// it is.
func TestSweepKeepsUpWithPublishing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const total, events, size = 2 << 20, 3000, 200
		path := fresh(t)
		store := open(t, path, boltstore.Config{Retention: core.Retention{Events: -1, Bytes: -1, TotalBytes: total}})
		for round := range 5 {
			name := fmt.Sprint("room ", round)
			room(t, store, name, events, size)
			if err := store.Forget(t.Context(), name); err != nil {
				t.Fatalf("Forget: %v", err)
			}
			appendTo(t, store, record("other", "x"))
			if got := counts(t, store); got["swept"] > 1 || got["entries"] > events+round+1 {
				t.Errorf("round %d: got %v in the file, want at most one channel and %d entries", round, got, events+round+1)
			}
		}
		room(t, store, "other", events, size)
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

// What is over a bound goes from the file while publishing goes on, also of
// channels that nothing is published to.
func TestTrimKeepsUpWithPublishing(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	store := open(t, path, boltstore.Config{Retention: core.Retention{Events: -1, Bytes: -1, TotalBytes: -1}})
	for i := range 4 {
		room(t, store, fmt.Sprint("room ", i), 3000, 10)
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

// A batch that is larger than what one transaction removes otherwise does not
// get ahead of the bounds.
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
