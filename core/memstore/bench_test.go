package memstore_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/memstore"
)

// BenchmarkAppendAging appends while an entry always gets too old, beside many
// quiet channels.
func BenchmarkAppendAging(b *testing.B) {
	for _, others := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("others=%d", others), func(b *testing.B) {
			b.ReportAllocs()
			store := memstore.New(history.Retention{Channels: []history.ChannelRetention{{Pattern: "busy", Age: 20 * time.Millisecond, Events: -1}}})
			defer func() { _ = store.Close() }()
			for i := range others {
				if _, err := store.Append(b.Context(), []history.Record{{Channel: strconv.Itoa(i), Body: []byte("data: x\n")}}); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				if _, err := store.Append(b.Context(), []history.Record{{Channel: "busy", Body: []byte("data: x\n")}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSnapshotPage reads a page in the middle of a large snapshot, of as
// many keys as events, and of few.
func BenchmarkSnapshotPage(b *testing.B) {
	for _, keys := range []int{10, 100_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			b.ReportAllocs()
			const events = 100_000
			store := memstore.New(history.Retention{Events: -1, Bytes: -1})
			defer func() { _ = store.Close() }()
			for i := range events {
				r := history.Record{Channel: "a", Key: strconv.Itoa(i % keys), Body: []byte("data: " + strconv.Itoa(i) + "\n")}
				if _, err := store.Append(b.Context(), []history.Record{r}); err != nil {
					b.Fatal(err)
				}
			}
			_, newest, err := store.Bounds(b.Context(), []string{"a"})
			if err != nil {
				b.Fatal(err)
			}
			q := history.Query{Channels: []string{"a"}, Snapshot: true, MaxEvents: 256, MaxBytes: 64 << 10, After: newest}
			q.After.Seq = events / 2
			for b.Loop() {
				page, err := store.Read(b.Context(), q)
				if err != nil || len(page.Entries) != min(keys, 256) {
					b.Fatalf("got %d entries, %v", len(page.Entries), err)
				}
			}
		})
	}
}
