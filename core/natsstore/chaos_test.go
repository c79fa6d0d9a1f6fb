package natsstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/natsstore"
	"github.com/tidings-go/tidings/core/natsstore/internal/natstest"
)

// server starts a server for one test.
func server(tb testing.TB, o natstest.Options) *natstest.Server {
	tb.Helper()
	s, err := natstest.Start(o)
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

var _ nodetest.Engine = (*natstest.Server)(nil)

// Nodes and the server are killed at random, while clients come and go.
func TestChaos(t *testing.T) {
	t.Parallel()
	s := server(t, natstest.Options{SyncAlways: true})
	nodetest.Chaos(t, s, s.URL())
}

// The server is killed under load, and comes back.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		buffer int
		always bool
	}{{0, true}, {1 << 20, true}, {1 << 20, false}} {
		t.Run(fmt.Sprintf("buffer %d, sync always %t", test.buffer, test.always), func(t *testing.T) {
			t.Parallel()
			s := server(t, natstest.Options{SyncAlways: test.always})
			nodetest.KilledEngine(t, s, test.buffer, func(buffer int) history.Store {
				return open(t, s.URL(), natsstore.Config{Buffer: buffer, Poll: time.Second})
			})
		})
	}
}

// Nodes tell each other of their streams, revocations and tickets.
func TestNodes(t *testing.T) {
	t.Parallel()
	cfg := named(natsstore.Config{})
	nodetest.Cluster(t, func() history.Store { return open(t, shared.URL(), cfg) })
}
