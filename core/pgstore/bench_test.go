package pgstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/pgstore"
)

// payload is an event's data of a usual size.
var payload = strings.Repeat("x", 100)

// BenchmarkPublish measures how many events a node publishes, with the durability
// of a server with its default settings. Plain is pg_notify with the event as its
// payload: nothing is stored, and who does not listen misses it.
func BenchmarkPublish(b *testing.B) {
	c := server(b)
	for _, publishers := range []int{1, 64} {
		b.Run(fmt.Sprintf("store/publishers=%d", publishers), func(b *testing.B) {
			n := newNode(b, c, pgstore.Config{Schema: schema()})
			work(b, publishers, func() error {
				_, err := n.Publish(b.Context(), "a", core.Event{Data: payload})
				return err
			})
		})
		b.Run(fmt.Sprintf("plain/publishers=%d", publishers), func(b *testing.B) {
			pool := poolOn(b, c, publishers)
			work(b, publishers, func() error {
				_, err := pool.Exec(b.Context(), "SELECT pg_notify('plain', $1)", payload)
				return err
			})
		})
	}
}

// work shares b.N calls among goroutines.
func work(b *testing.B, goroutines int, call func() error) {
	b.Helper()
	if err := call(); err != nil { // what the first one sets up
		b.Fatal(err)
	}
	var busy sync.WaitGroup
	b.ResetTimer()
	for i := range goroutines {
		busy.Go(func() {
			for range (b.N + goroutines - 1 - i) / goroutines {
				if err := call(); err != nil {
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
// delivery on another, with a pause between events.
func BenchmarkDelay(b *testing.B) {
	c := server(b)
	b.Run("store", func(b *testing.B) {
		cfg := pgstore.Config{Schema: schema()}
		one, two := newNode(b, c, cfg), newNode(b, c, cfg)
		delays(b, func(came chan<- time.Time) {
			for range two.Subscribe(b.Context(), core.Subscription{Channels: []string{"a"}}) {
				came <- time.Now()
			}
		}, func() error {
			_, err := one.Publish(b.Context(), "a", core.Event{Data: payload})
			return err
		})
	})
	b.Run("plain", func(b *testing.B) {
		pool := poolOn(b, c, 1)
		conn, err := pgx.Connect(b.Context(), c.DSN("postgres"))
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = conn.Close(context.WithoutCancel(b.Context())) }()
		if _, err := conn.Exec(b.Context(), "LISTEN plain"); err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		var busy sync.WaitGroup
		defer busy.Wait()
		defer cancel()
		delays(b, func(came chan<- time.Time) {
			busy.Go(func() {
				for {
					if _, err := conn.WaitForNotification(ctx); err != nil {
						return
					}
					came <- time.Now()
				}
			})
		}, func() error {
			_, err := pool.Exec(b.Context(), "SELECT pg_notify('plain', $1)", payload)
			return err
		})
	})
}

// delays calls publish b.N times, each after the one before has come.
func delays(b *testing.B, receive func(came chan<- time.Time), publish func() error) {
	b.Helper()
	came := make(chan time.Time, 16)
	go receive(came)
	limit := time.NewTimer(patience)
	for again := true; again; { // until somebody receives
		if err := publish(); err != nil {
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
		if err := publish(); err != nil {
			b.Fatal(err)
		}
		all = append(all, (<-came).Sub(began))
		rest(b.Context(), 0.002)
	}
	b.StopTimer()
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkResume measures a page of 256 events for a client that resumes.
func BenchmarkResume(b *testing.B) {
	c := server(b)
	n := newNode(b, c, pgstore.Config{Schema: schema()})
	batch := make([]core.Publication, 256)
	for i := range batch {
		batch[i] = core.Publication{Channel: "a", Event: core.Event{Data: payload}}
	}
	first := n.publish(b, "a", payload)
	for range 3 {
		if _, err := n.PublishBatch(b.Context(), batch...); err != nil {
			b.Fatal(err)
		}
	}
	after, _ := core.ParsePosition(first)
	for b.Loop() {
		page, err := n.store.Read(b.Context(), history.Query{Channels: []string{"a"}, After: after, MaxEvents: 256})
		if err != nil || len(page.Entries) != 256 {
			b.Fatalf("got %d entries, error %v", len(page.Entries), err)
		}
	}
}
