package pgstore_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/pgstore"
	"github.com/tidings-go/tidings/core/pgstore/internal/pgtest"
)

// listeners waits until connections listen for a schema, other than those in not,
// and returns them.
func listeners(t *testing.T, c *pgtest.Cluster, schema string, not []int32) []int32 {
	t.Helper()
	pool := poolOn(t, c, 1)
	limit := time.Now().Add(nodetest.Patience)
	for {
		rows, err := pool.Query(t.Context(), "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND query <> ''", schema+" listener")
		if err != nil {
			t.Fatal(err)
		}
		pids, err := pgx.CollectRows(rows, pgx.RowTo[int32])
		if err != nil {
			t.Fatal(err)
		}
		if pids = slices.DeleteFunc(pids, func(pid int32) bool { return slices.Contains(not, pid) }); len(pids) > 0 {
			return pids
		}
		if time.Now().After(limit) {
			t.Fatalf("after %v: nobody listens", nodetest.Patience)
		}
		nodetest.Pause(t.Context(), 0.01)
	}
}

// A connection that listens and is lost is replaced: without it, events of other
// nodes would come once in an hour.
func TestLostListener(t *testing.T) {
	t.Parallel()
	cfg := pgstore.Config{Schema: schema(), Poll: time.Hour}
	one := newNode(t, cluster, cfg)
	before := listeners(t, cluster, cfg.Schema, nil)
	two := newNode(t, cluster, pgstore.Config{Schema: cfg.Schema, PollOnly: true})
	r := one.Read(t, nodetest.All(""))
	two.MustPublish(t, "a", "1")
	r.Wants(t, "before", "1")
	if _, err := poolOn(t, cluster, 1).Exec(t.Context(), "SELECT pg_terminate_backend($1)", before[0]); err != nil {
		t.Fatal(err)
	}
	listeners(t, cluster, cfg.Schema, before)
	two.MustPublish(t, "a", "2")
	r.Wants(t, "after", "1", "2")
}

// Connections that go silent without being closed, as through a firewall that
// forgets them, are noticed, the one that listens, too.
func TestSilentConnections(t *testing.T) {
	t.Parallel()
	cfg := pgstore.Config{Schema: schema(), Poll: 100 * time.Millisecond, Timeout: time.Second, NoMigrate: true}
	two := newNode(t, cluster, pgstore.Config{Schema: cfg.Schema})
	p := nodetest.NewProxy(t, cluster.Socket())
	dsn := "host=127.0.0.1 user=postgres dbname=postgres sslmode=disable application_name=frozen port=" + strings.TrimPrefix(p.Addr(), "127.0.0.1:")
	store, err := pgstore.Open(t.Context(), dsn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	one := hubOn(t, store)
	own := listeners(t, cluster, "frozen", nil)
	r := one.Read(t, nodetest.All(""))
	two.MustPublish(t, "a", "1")
	r.Wants(t, "before", "1")
	p.Freeze()
	two.MustPublish(t, "a", "2")
	r.Wants(t, "after", "1", "2")
	listeners(t, cluster, "frozen", own)
	one.PublishWhenBack(t, "a", "3")
	r.Wants(t, "after", "1", "2", "3")
}
