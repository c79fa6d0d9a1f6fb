package pgstore_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/pgstore"
	"github.com/tidings-go/tidings/core/pgstore/internal/pgtest"
)

// cluster is the server of all tests that do not stop it.
var cluster *pgtest.Cluster

func TestMain(m *testing.M) {
	nodetest.Main(m, serve, func() (stop func() error, err error) {
		if cluster, err = pgtest.Start("fsync=off"); err != nil {
			return nil, err
		}
		return cluster.Stop, nil
	})
}

var schemas atomic.Int64

// schema returns the name of a new schema.
func schema() string { return fmt.Sprintf("test %d", schemas.Add(1)) }

// open opens a store on the shared cluster.
func open(tb testing.TB, cfg pgstore.Config) *pgstore.Store {
	tb.Helper()
	return openOn(tb, cluster, cfg)
}

// openOn opens a store, which is closed in the end.
func openOn(tb testing.TB, c *pgtest.Cluster, cfg pgstore.Config) *pgstore.Store {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	store, err := pgstore.Open(ctx, c.DSN("postgres")+" application_name='"+cfg.Schema+"'", cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return store
}

var _ history.Store = (*pgstore.Store)(nil)
