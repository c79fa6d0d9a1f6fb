package redisstore_test

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/redisstore"
	"github.com/tidings-go/tidings/core/redisstore/internal/redistest"
)

// durabilities are settings of servers that benchmarks compare. Plain Redis, which
// keeps nothing, does not depend on them.
func durabilities() map[string][]string {
	return map[string][]string{
		"appendfsync=everysec": {"appendonly", "yes", "appendfsync", "everysec"},
		"appendfsync=always":   {"appendonly", "yes", "appendfsync", "always"},
	}
}

// BenchmarkPublish measures how many events nodes publish. Plain is PUBLISH of the
// event: nothing is stored, and who does not listen misses it.
func BenchmarkPublish(b *testing.B) {
	for name, settings := range durabilities() {
		b.Run(name, func(b *testing.B) {
			s := server(b, settings...)
			nodetest.BenchmarkPublish(b, func() history.Store { return open(b, s, redisstore.Config{}) }, plain(b, s))
		})
	}
}

// BenchmarkDelay measures the time from the call of Publish on one node to the
// delivery on another.
func BenchmarkDelay(b *testing.B) {
	for name, settings := range durabilities() {
		b.Run(name, func(b *testing.B) {
			s := server(b, settings...)
			nodetest.BenchmarkDelay(b, func() history.Store { return open(b, s, redisstore.Config{}) }, plain(b, s))
		})
	}
}

func plain(b *testing.B, s *redistest.Server) nodetest.Plain {
	b.Helper()
	client := s.Client()
	b.Cleanup(func() { _ = client.Close() })
	return nodetest.Plain{
		Publish: func() error { return client.Publish(b.Context(), "plain", nodetest.Payload).Err() },
		Receive: func(ctx context.Context, came func()) {
			listener := redis.NewClient(&redis.Options{Network: "unix", Addr: s.Socket()})
			defer func() { _ = listener.Close() }()
			subscription := listener.Subscribe(ctx, "plain")
			defer func() { _ = subscription.Close() }()
			for {
				select {
				case <-subscription.Channel():
					came()
				case <-ctx.Done():
					return
				}
			}
		},
	}
}

// BenchmarkResume measures a page of 256 events for a client that resumes.
func BenchmarkResume(b *testing.B) {
	nodetest.BenchmarkResume(b, open(b, server(b), redisstore.Config{}))
}
