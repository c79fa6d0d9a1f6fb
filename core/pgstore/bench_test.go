package pgstore_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/pgstore"
	"github.com/tidings-go/tidings/core/pgstore/internal/pgtest"
)

// BenchmarkPublish measures how many events nodes publish, with the durability of
// a server with its default settings. Plain is pg_notify with the event as its
// payload: nothing is stored, and who does not listen misses it.
func BenchmarkPublish(b *testing.B) {
	c := server(b)
	cfg := pgstore.Config{Schema: schema()}
	nodetest.BenchmarkPublish(b, func() history.Store { return openOn(b, c, cfg) }, plain(b, c))
}

// BenchmarkDelay measures the time from the call of Publish on one node to the
// delivery on another.
func BenchmarkDelay(b *testing.B) {
	c := server(b)
	cfg := pgstore.Config{Schema: schema()}
	nodetest.BenchmarkDelay(b, func() history.Store { return openOn(b, c, cfg) }, plain(b, c))
}

func plain(b *testing.B, c *pgtest.Cluster) nodetest.Plain {
	b.Helper()
	pool := poolOn(b, c, 64)
	return nodetest.Plain{
		Publish: func() error {
			_, err := pool.Exec(b.Context(), "SELECT pg_notify('plain', $1)", nodetest.Payload)
			return err
		},
		Receive: func(ctx context.Context, came func()) {
			conn, err := pgx.Connect(ctx, c.DSN("postgres"))
			if err != nil {
				b.Error(err)
				return
			}
			defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
			if _, err := conn.Exec(ctx, "LISTEN plain"); err != nil {
				b.Error(err)
				return
			}
			for {
				if _, err := conn.WaitForNotification(ctx); err != nil {
					return
				}
				came()
			}
		},
	}
}

// BenchmarkResume measures a page of 256 events for a client that resumes.
func BenchmarkResume(b *testing.B) {
	nodetest.BenchmarkResume(b, openOn(b, server(b), pgstore.Config{Schema: schema()}))
}
