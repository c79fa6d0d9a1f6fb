package redisstore_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9/logging"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/redisstore"
	"github.com/tidings-go/tidings/core/redisstore/internal/redistest"
)

// shared is the server of all tests that do not stop it, or lose its data.
var shared *redistest.Server

func TestMain(m *testing.M) {
	logging.Disable() // of the client, which tells of each connection that fails
	nodetest.Main(m, serve, func() (stop func() error, err error) {
		if shared, err = redistest.Start(); err != nil {
			return nil, err
		}
		return shared.Stop, nil
	})
}

// serve opens the store of a node in a process of its own.
func serve(ctx context.Context, url string) (history.Store, error) {
	return redisstore.Open(ctx, url, redisstore.Config{
		Retention: nodetest.Retention(), Poll: time.Second, Buffer: 1 << 20, TailEvents: 1000,
	})
}

var prefixes atomic.Int64

// prefix returns a new prefix.
func prefix() string { return fmt.Sprintf("test %d", prefixes.Add(1)) }

// server starts a server for one test.
func server(tb testing.TB, settings ...string) *redistest.Server {
	tb.Helper()
	s, err := redistest.Start(settings...)
	return stopped(tb, s, err)
}

// stopped stops a server in the end.
func stopped(tb testing.TB, s *redistest.Server, err error) *redistest.Server {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Stop(); err != nil {
			tb.Errorf("Stop: %v", err)
		}
	})
	return s
}

// open opens a store, which is closed in the end.
func open(tb testing.TB, s *redistest.Server, cfg redisstore.Config) *redisstore.Store {
	tb.Helper()
	return openURL(tb, s.URL(), cfg)
}

func openURL(tb testing.TB, url string, cfg redisstore.Config) *redisstore.Store {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), nodetest.Patience)
	defer cancel()
	store, err := redisstore.Open(ctx, url, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	closed(tb, store)
	return store
}

// closed closes a store in the end.
func closed(tb testing.TB, store *redisstore.Store) {
	tb.Helper()
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
}

// newNode returns a node, which is closed in the end.
func newNode(tb testing.TB, s *redistest.Server, cfg redisstore.Config) nodetest.Node {
	tb.Helper()
	return nodetest.New(tb, open(tb, s, cfg))
}
