package natsstore_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/natsstore"
	"github.com/tidings-go/tidings/core/natsstore/internal/natstest"
)

// BenchmarkPublish measures how many events nodes publish, with a server that syncs
// every two minutes, its default, and with one that does before it acknowledges.
// Plain is core NATS, which stores nothing, and does not answer.
func BenchmarkPublish(b *testing.B) {
	b.Run("sync=default", func(b *testing.B) { benchmarkPublish(b, natstest.Options{}) })
	b.Run("sync=always", func(b *testing.B) { benchmarkPublish(b, natstest.Options{SyncAlways: true}) })
}

func benchmarkPublish(b *testing.B, o natstest.Options) {
	b.Helper()
	s := server(b, o)
	cfg := named(natsstore.Config{})
	nodetest.BenchmarkPublish(b, func() history.Store { return open(b, s.URL(), cfg) }, plain(b, s))
}

// BenchmarkDelay measures the time from the call of Publish on one node to the
// delivery on another.
func BenchmarkDelay(b *testing.B) {
	b.Run("sync=default", func(b *testing.B) { benchmarkDelay(b, natstest.Options{}) })
	b.Run("sync=always", func(b *testing.B) { benchmarkDelay(b, natstest.Options{SyncAlways: true}) })
}

func benchmarkDelay(b *testing.B, o natstest.Options) {
	b.Helper()
	s := server(b, o)
	cfg := named(natsstore.Config{})
	nodetest.BenchmarkDelay(b, func() history.Store { return open(b, s.URL(), cfg) }, plain(b, s))
}

func plain(b *testing.B, s *natstest.Server) nodetest.Plain {
	b.Helper()
	conn, _ := admin(b, s.URL())
	return nodetest.Plain{
		Publish: func() error {
			if err := conn.Publish("plain", []byte(nodetest.Payload)); err != nil {
				return err
			}
			return conn.Flush() // the server has it
		},
		Receive: func(ctx context.Context, came func()) {
			other, err := nats.Connect(s.URL())
			if err != nil {
				b.Error(err)
				return
			}
			defer other.Close()
			sub, err := other.SubscribeSync("plain")
			if err != nil {
				b.Error(err)
				return
			}
			for {
				if _, err := sub.NextMsgWithContext(ctx); err != nil {
					return
				}
				came()
			}
		},
	}
}

// BenchmarkOpen measures how long a node takes to start with 100,000 events.
func BenchmarkOpen(b *testing.B) {
	s := server(b, natstest.Options{})
	cfg := named(natsstore.Config{Retention: nodetest.Retention()})
	n := node(b, s.URL(), cfg)
	batch := make([]core.Publication, core.MaxBatch)
	for i := range batch {
		batch[i] = core.Publication{Channel: "channel " + strconv.Itoa(i%100), Event: core.Event{Data: nodetest.Payload}}
	}
	for sent := 0; sent < 100_000; sent += len(batch) {
		if _, err := n.PublishBatch(b.Context(), batch...); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		store, err := natsstore.Open(b.Context(), s.URL(), cfg)
		if err != nil {
			b.Fatal(err)
		}
		if err := store.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkResume measures a page of 256 events for a client that resumes, from
// memory and from the stream.
func BenchmarkResume(b *testing.B) {
	for name, bytes := range map[string]int{"cached": 0, "from the stream": -1} {
		b.Run(name, func(b *testing.B) {
			nodetest.BenchmarkResume(b, open(b, shared.URL(), named(natsstore.Config{CacheBytes: bytes})))
		})
	}
}
