package pgstore_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/pgstore"
	"github.com/tidings-go/tidings/core/pgstore/internal/pgtest"
)

// cluster is the server of all tests that do not stop it.
var cluster *pgtest.Cluster

func TestMain(m *testing.M) {
	if nodetest.Serve(serve) {
		return
	}
	var err error
	if cluster, err = pgtest.Start("fsync=off"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := cluster.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
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
