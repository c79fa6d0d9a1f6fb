package boltstore_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// counter is a sink that counts the delivered events, and the deliveries.
type counter struct{ events, groups atomic.Int64 }

func (c *counter) Deliver(entries []*core.Entry) {
	c.events.Add(int64(len(entries)))
	c.groups.Add(1)
}

func (c *counter) Trimmed(string, uint64) {}

func benchmarkStore(b *testing.B, cfg boltstore.Config) *boltstore.Store {
	b.Helper()
	store, err := boltstore.Open(filepath.Join(b.TempDir(), "history.db"), cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	return store
}

// BenchmarkPublish measures Publish, and how many events share a commit or a
// write to the journal.
func BenchmarkPublish(b *testing.B) {
	for _, mode := range []boltstore.Sync{boltstore.SyncAlways, boltstore.SyncInterval} {
		for _, publishers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%v/publishers=%d", mode, publishers), func(b *testing.B) {
				store := benchmarkStore(b, boltstore.Config{Sync: mode})
				var sink counter
				if _, err := store.Attach(&sink); err != nil {
					b.Fatal(err)
				}
				hub := core.NewHub(core.HubConfig{Store: store})
				event := core.Event{Name: "stockupdate", Data: `{"stock":"IBM","value":567.29}`, Key: "IBM"}
				var left atomic.Int64
				left.Store(int64(b.N))
				b.ReportAllocs()
				b.ResetTimer()
				var working sync.WaitGroup
				for range publishers {
					working.Go(func() {
						for left.Add(-1) >= 0 {
							if _, err := hub.Publish(b.Context(), "stocks", event); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				working.Wait()
				b.StopTimer()
				if got := sink.events.Load(); got != int64(b.N) {
					b.Errorf("got %d delivered, want %d", got, b.N)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
				b.ReportMetric(float64(b.N)/float64(sink.groups.Load()), "events/group")
			})
		}
	}
}

// BenchmarkResume reads one page for a client that resumes.
func BenchmarkResume(b *testing.B) {
	for _, channels := range []int{1, 10} {
		b.Run(fmt.Sprintf("channels=%d", channels), func(b *testing.B) {
			store := benchmarkStore(b, boltstore.Config{Retention: core.Retention{Events: -1, Bytes: -1}})
			names := make([]string, channels)
			for i := range names {
				names[i] = fmt.Sprint("channel ", i)
			}
			var first *core.Entry
			for i := range 20 {
				var records []core.Record
				for n := range 500 {
					records = append(records, core.Record{Channel: names[(i+n)%channels], Body: []byte("event: stockupdate\ndata: {\"stock\":\"IBM\",\"value\":567.29}\n")})
				}
				entries, err := store.Append(b.Context(), records)
				if err != nil {
					b.Fatal(err)
				}
				if first == nil {
					first = entries[0]
				}
			}
			q := core.Query{Channels: names, After: first.Position, MaxEvents: 256}
			b.ReportAllocs()
			for b.Loop() {
				page, err := store.Read(b.Context(), q)
				if err != nil || len(page.Entries) != 256 {
					b.Fatalf("got %d entries, %v", len(page.Entries), err)
				}
			}
			b.ReportMetric(256*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkOpen opens a file with 10,000 channels, as a restart does.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "history.db")
	open := func() *boltstore.Store {
		store, err := boltstore.Open(path, boltstore.Config{})
		if err != nil {
			b.Fatal(err)
		}
		return store
	}
	store := open()
	for i := range 100 {
		var records []core.Record
		for n := range 500 {
			records = append(records, core.Record{Channel: fmt.Sprint("channel ", (500*i+n)%10_000), Body: []byte("data: x\n")})
		}
		if _, err := store.Append(b.Context(), records); err != nil {
			b.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := open().Close(); err != nil {
			b.Fatal(err)
		}
	}
}
