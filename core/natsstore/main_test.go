package natsstore_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/natsstore"
	"github.com/tidings-go/tidings/core/natsstore/internal/natstest"
)

// shared is the server of all tests that do not stop it.
var shared *natstest.Server

func TestMain(m *testing.M) {
	if natstest.Serve() {
		return
	}
	nodetest.Main(m, serve, func() (stop func() error, err error) {
		if shared, err = natstest.Start(natstest.Options{}); err != nil {
			return nil, err
		}
		return shared.Stop, nil
	})
}

var streams atomic.Int64

// named returns the configuration with the names of new streams.
func named(cfg natsstore.Config) natsstore.Config {
	n := streams.Add(1)
	cfg.Stream, cfg.Prefix = fmt.Sprintf("TEST-%d", n), fmt.Sprintf("test.%d", n)
	return cfg
}

// open opens a store, which is closed in the end.
func open(tb testing.TB, url string, cfg natsstore.Config) *natsstore.Store {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), nodetest.Patience)
	defer cancel()
	store, err := natsstore.Open(ctx, url, cfg)
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

// serve opens the store of a node in a process of its own.
func serve(ctx context.Context, url string) (history.Store, error) {
	return natsstore.Open(ctx, url, natsstore.Config{Retention: nodetest.Retention(), Poll: time.Second, Buffer: 1 << 20})
}

var _ history.Store = (*natsstore.Store)(nil)
