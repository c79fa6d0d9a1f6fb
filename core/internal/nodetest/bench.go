package nodetest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
)

// Payload is an event's data of a usual size.
var Payload = strings.Repeat("x", 100)

// Plain is the messaging of an engine alone, which keeps nothing: what a store is
// compared with.
type Plain struct {
	// Publish publishes the Payload. Calls may come at the same time.
	Publish func() error
	// Receive calls came for each message until ctx ends, and returns then.
	Receive func(ctx context.Context, came func())
}

// BenchmarkPublish measures how many events are published by one and by 64
// goroutines, on one node and on three, to one channel and to 10,000, and how many
// messages by the engine alone. open opens a store on the same storage, closed by
// the benchmark.
func BenchmarkPublish(b *testing.B, open func() history.Store, plain Plain) {
	b.Helper()
	for _, run := range []struct{ publishers, nodes, channels int }{
		{1, 1, 1}, {64, 1, 1}, {64, 3, 1}, {64, 1, 10_000}, {64, 3, 10_000},
	} {
		b.Run(fmt.Sprintf("store/publishers=%d/nodes=%d/channels=%d", run.publishers, run.nodes, run.channels), func(b *testing.B) {
			nodes := make([]Node, run.nodes)
			for i := range nodes {
				nodes[i] = New(b, open())
			}
			share(b, run.publishers, func(i int) error {
				_, err := nodes[i%run.nodes].Publish(b.Context(), "channel "+strconv.Itoa(i%run.channels), core.Event{Data: Payload})
				return err
			})
		})
	}
	for _, publishers := range []int{1, 64} {
		b.Run(fmt.Sprintf("plain/publishers=%d", publishers), func(b *testing.B) {
			share(b, publishers, func(int) error { return plain.Publish() })
		})
	}
}

// share shares b.N calls among goroutines.
func share(b *testing.B, goroutines int, call func(i int) error) {
	b.Helper()
	if err := call(0); err != nil { // what the first one sets up
		b.Fatal(err)
	}
	var busy sync.WaitGroup
	b.ResetTimer()
	for g := range goroutines {
		busy.Go(func() {
			for i := g; i < b.N; i += goroutines {
				if err := call(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	busy.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkDelay measures the time from the call of Publish on one node to the
// delivery on another, with a pause between events, and the same by the engine
// alone.
func BenchmarkDelay(b *testing.B, open func() history.Store, plain Plain) {
	b.Helper()
	b.Run("store", func(b *testing.B) {
		one, two := New(b, open()), New(b, open())
		delays(b, Plain{
			Publish: func() error {
				_, err := one.Publish(b.Context(), "a", core.Event{Data: Payload})
				return err
			},
			Receive: func(ctx context.Context, came func()) {
				for range two.Subscribe(ctx, core.Subscription{Channels: []string{"a"}}) {
					came()
				}
			},
		})
	})
	b.Run("plain", func(b *testing.B) { delays(b, plain) })
}

// delays publishes b.N times, each after the one before has come.
func delays(b *testing.B, p Plain) {
	b.Helper()
	came := make(chan time.Time, 16)
	ctx, cancel := context.WithCancel(b.Context())
	var receiver sync.WaitGroup
	receiver.Go(func() { p.Receive(ctx, func() { came <- time.Now() }) })
	defer receiver.Wait()
	defer cancel()
	limit := time.NewTimer(Patience)
	for again := true; again; { // until the receiver is there
		if err := p.Publish(); err != nil {
			b.Fatal(err)
		}
		select {
		case <-came:
			again = false
		case <-time.After(100 * time.Millisecond):
		case <-limit.C:
			b.Fatal("nothing came")
		}
	}
	all := make([]time.Duration, 0, b.N)
	b.ResetTimer()
	for range b.N {
		began := time.Now()
		if err := p.Publish(); err != nil {
			b.Fatal(err)
		}
		all = append(all, (<-came).Sub(began))
		Pause(b.Context(), 0.002)
	}
	b.StopTimer()
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkResume measures a page of 256 events for a client that resumes.
func BenchmarkResume(b *testing.B, store history.Store) {
	b.Helper()
	n := New(b, store)
	batch := make([]core.Publication, 256)
	for i := range batch {
		batch[i] = core.Publication{Channel: "a", Event: core.Event{Data: Payload}}
	}
	first := n.MustPublish(b, "a", Payload)
	for range 3 {
		if _, err := n.PublishBatch(b.Context(), batch...); err != nil {
			b.Fatal(err)
		}
	}
	after, _ := core.ParsePosition(first)
	for b.Loop() {
		page, err := store.Read(b.Context(), history.Query{Channels: []string{"a"}, After: after, MaxEvents: 256})
		if err != nil || len(page.Entries) != 256 {
			b.Fatalf("got %d entries, error %v", len(page.Entries), err)
		}
	}
}
