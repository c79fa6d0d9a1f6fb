package pgstore_test

import (
	"context"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/pgstore"
	"github.com/tidings-go/tidings/core/pgstore/internal/pgtest"
)

// engine is a cluster that tests kill.
type engine struct{ *pgtest.Cluster }

// Kill implements [nodetest.Engine].
func (e engine) Kill() error { return e.Signal(syscall.SIGKILL) }

// serve opens the store of a node in a process of its own.
func serve(ctx context.Context, dsn string) (history.Store, error) {
	return pgstore.Open(ctx, dsn, pgstore.Config{
		Retention: nodetest.Retention(), Poll: time.Second, Buffer: 1 << 20, PartitionEvents: 1000,
	})
}

// Nodes and the server are killed at random, while clients come and go.
func TestChaos(t *testing.T) {
	t.Parallel()
	c := server(t)
	nodetest.Chaos(t, engine{c}, c.DSN("postgres"))
}

// The server is killed under load, and comes back.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	for _, buffer := range []int{0, 1 << 20} {
		t.Run("buffer "+strconv.Itoa(buffer), func(t *testing.T) {
			t.Parallel()
			c := server(t) // with fsync
			nodetest.KilledEngine(t, engine{c}, buffer, func(buffer int) history.Store {
				return openOn(t, c, pgstore.Config{Buffer: buffer})
			})
		})
	}
}

// Nodes tell each other of their streams, revocations and tickets.
func TestNodes(t *testing.T) {
	t.Parallel()
	cfg := pgstore.Config{Schema: schema()}
	nodetest.Cluster(t, func() history.Store { return open(t, cfg) })
}
