package pgstore_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/pgstore"
	"github.com/tidings-go/tidings/core/pgstore/internal/pgtest"
)

// server starts a cluster for one test.
func server(tb testing.TB, settings ...string) *pgtest.Cluster {
	tb.Helper()
	c, err := cluster.Another(settings...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Stop(); err != nil {
			tb.Errorf("Stop: %v", err)
		}
	})
	return c
}

// node is a machine of an app: a hub on a store.
type node struct {
	nodetest.Node

	store *pgstore.Store
}

// newNode returns a node, which is closed in the end.
func newNode(tb testing.TB, c *pgtest.Cluster, cfg pgstore.Config) node {
	tb.Helper()
	return hubOn(tb, openOn(tb, c, cfg))
}

// hubOn returns a node on a store, which is closed in the end.
func hubOn(tb testing.TB, store *pgstore.Store) node {
	tb.Helper()
	return node{nodetest.New(tb, store), store}
}

// poolOn returns connections for the app itself.
func poolOn(tb testing.TB, c *pgtest.Cluster, most int) *pgxpool.Pool {
	tb.Helper()
	pc, err := pgxpool.ParseConfig(c.DSN("postgres"))
	if err != nil {
		tb.Fatal(err)
	}
	pc.MaxConns = int32(most)
	pool, err := pgxpool.NewWithConfig(tb.Context(), pc)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return pool
}
