package natsstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/natsstore"
	"github.com/tidings-go/tidings/core/natsstore/internal/natstest"
)

// In a cluster, the server that leads the stream is killed under load, and another
// one takes over: nothing acknowledged is lost, although no server has synced its
// disk, and no stream notices.
func TestLeaderKilled(t *testing.T) {
	t.Parallel()
	c, err := natstest.StartCluster(3, natstest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	cfg := named(natsstore.Config{Replicas: 3, Poll: time.Second, Buffer: 1 << 20})
	ctx, cancel := context.WithTimeout(t.Context(), nodetest.Patience)
	defer cancel()
	for natsstore.Create(ctx, c.URL(), cfg) != nil && nodetest.Pause(ctx, 0.1) { // until the servers have found each other
	}
	one, two := node(t, c.URL(), cfg), node(t, c.URL(), cfg)
	r, other := one.Read(t, nodetest.All("")), two.Read(t, nodetest.All(""))
	want := numbers("event", 1, 200)
	first := publish(t, one, want[:50]...)
	if err := c.KillLeader(cfg.Stream); err != nil {
		t.Fatal(err)
	}
	electing, stop := context.WithTimeout(t.Context(), 3*nodetest.Patience) // servers take their time
	defer stop()
	if _, err := two.Publish(electing, "a", core.Event{Data: want[50]}); err != nil {
		t.Fatal(err)
	}
	publish(t, two, want[51:]...)
	r.Wants(t, "one node", want...)
	other.Wants(t, "another node", want...)
	one.PublishWhenBack(t, "a", "last")
	one.Read(t, nodetest.All(first)).Wants(t, "resumed", append(want[50:], "last")...)
}
