package pgstore_test

import (
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/pgstore"
	"github.com/tidings-go/tidings/core/pgstore/internal/pgtest"
)

// partitionsAtMost waits until the table of events has so few partitions.
func partitionsAtMost(t *testing.T, c *pgtest.Cluster, schema string, most int) {
	t.Helper()
	counts(t, c, `SELECT count(*) FROM pg_inherits WHERE inhparent = '"`+schema+`".events'::regclass`, most)
}

// counts waits until a query returns at most a number.
func counts(t *testing.T, c *pgtest.Cluster, query string, most int) {
	t.Helper()
	pool := poolOn(t, c, 1)
	limit := time.Now().Add(nodetest.Patience)
	for {
		n := 0
		if err := pool.QueryRow(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n <= most {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%s: got %d, want at most %d", query, n, most)
		}
		nodetest.Pause(t.Context(), 0.01)
	}
}

// What the retention does not keep is removed: partitions where nothing is kept
// are dropped, and of others, the rows. What is kept, stays.
func TestPartitions(t *testing.T) {
	t.Parallel()
	cfg := pgstore.Config{
		Schema: schema(), PartitionEvents: 20, Maintain: 20 * time.Millisecond,
		Retention: core.Retention{Events: 10, OnceKeys: 50},
	}
	n := newNode(t, cluster, cfg)
	n.MustPublish(t, "quiet", "kept")
	for i := range 500 {
		if _, err := n.Publish(t.Context(), "a", core.Event{Data: nodetest.Numbers("event", i, i)[0]}, core.Once(nodetest.Numbers("once", i, i)[0])); err != nil {
			t.Fatal(err)
		}
	}
	partitionsAtMost(t, cluster, cfg.Schema, 5) // that of the quiet event, some new ones
	counts(t, cluster, `SELECT count(*) FROM "`+cfg.Schema+`".events`, 10+2*20)
	counts(t, cluster, `SELECT count(*) FROM "`+cfg.Schema+`".once`, 50)
	n.Read(t, nodetest.All("")).Wants(t, "kept", nodetest.Numbers("event", 490, 499)...)
	n.Read(t, core.Subscription{Channels: []string{"quiet"}, Start: core.Earliest()}).Wants(t, "kept", "kept")
}

// Once the clock is set back, events that were appended in the future count as
// appended now.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	cfg := pgstore.Config{Schema: schema(), Maintain: 20 * time.Millisecond}
	n := newNode(t, cluster, cfg)
	n.MustPublish(t, "a", "event")
	in := `"` + cfg.Schema + `".`
	if err := cluster.Exec(t.Context(), "postgres", "BEGIN; UPDATE "+in+"events SET at = at + interval '1 day'; UPDATE "+in+
		"state SET at = at + interval '1 day', tx = pg_current_xact_id(); COMMIT"); err != nil {
		t.Fatal(err)
	}
	counts(t, cluster, "SELECT count(*) FROM "+in+"events WHERE at > clock_timestamp()", 0)
}
