package boltstore_test

import (
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// Forget leaves nothing in the file but a tomb, for channels of any size.
func TestForgetSweeps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := open(t, fresh(t), boltstore.Config{Retention: core.Retention{Events: -1}})
		const many = 10_000
		for i := 0; i < many; i += 500 {
			var records []core.Record
			for n := range 500 {
				records = append(records, indexed("a", i+n))
			}
			appendTo(t, store, records...)
		}
		appendTo(t, store, indexed("b", 1))
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

// The newest entry is known of a bounded number of forgotten channels. For all
// others, a client finds a gap, unless it is up to date.
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
			t.Errorf("up to date: got gap %q, want none", got)
		}
	})
}
