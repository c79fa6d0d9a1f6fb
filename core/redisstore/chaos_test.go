package redisstore_test

import (
	"strconv"
	"testing"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/redisstore"
	"github.com/tidings-go/tidings/core/redisstore/internal/redistest"
)

// durable starts a server that loses nothing that it has acknowledged.
func durable(tb testing.TB) *redistest.Server {
	tb.Helper()
	return server(tb, "appendonly", "yes", "appendfsync", "always")
}

// Nodes and the server are killed at random, while clients come and go.
func TestChaos(t *testing.T) {
	t.Parallel()
	s := durable(t)
	nodetest.Chaos(t, s, s.URL())
}

// Nodes tell each other of their streams, revocations and tickets.
func TestNodes(t *testing.T) {
	t.Parallel()
	cfg := redisstore.Config{Prefix: prefix()}
	nodetest.Cluster(t, func() history.Store { return open(t, shared, cfg) })
}

// The server is killed under load, and comes back.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	for _, buffer := range []int{0, 1 << 20} {
		t.Run("buffer "+strconv.Itoa(buffer), func(t *testing.T) {
			t.Parallel()
			s := durable(t)
			nodetest.KilledEngine(t, s, buffer, func(buffer int) history.Store {
				return open(t, s, redisstore.Config{Buffer: buffer})
			})
		})
	}
}
