package main

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// TestRace has four markets publish each number at the same moment, because each
// believes that it is its turn: every number is published once, by one of them.
func TestRace(t *testing.T) {
	t.Parallel()
	const numbers = 300
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	var markets sync.WaitGroup
	defer markets.Wait()
	defer stop()
	for range 4 {
		m := market{hub: hub, node: "all", every: time.Millisecond, logger: slog.New(slog.DiscardHandler)}
		markets.Go(func() { m.run(ctx) })
	}
	want := int64(1)
	topic := core.NewTopic[quote](hub, channel, "price")
	for q, err := range topic.Subscribe(ctx, core.Subscription{Start: core.Earliest()}) {
		if err != nil {
			t.Fatalf("quote %d: got error %v, want a quote", want, err)
		}
		if q.N != want {
			t.Fatalf("got quote %d, want %d", q.N, want)
		}
		if want++; want > numbers {
			break
		}
	}
}
