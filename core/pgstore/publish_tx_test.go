package pgstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx of database/sql

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/pgstore"
)

// Many transactions at once, with delays and rollbacks, while the connection that
// numbers their events is killed again and again: exactly what commits is
// published, contiguously, in one order, and what belongs to one transaction
// together.
func TestPublishTx(t *testing.T) {
	t.Parallel()
	const writers, rounds = 64, 6
	cfg := pgstore.Config{Schema: schema(), Sequence: time.Millisecond, PartitionEvents: 100}
	one, two := newNode(t, cluster, cfg), newNode(t, cluster, cfg)
	first, second := one.Read(t, nodetest.All("")), two.Read(t, nodetest.All(""))
	pool := poolOn(t, cluster, writers)
	if _, err := pool.Exec(t.Context(), `CREATE TABLE "`+cfg.Schema+` rows" (n text)`); err != nil {
		t.Fatal(err)
	}
	killing, stopKilling := context.WithCancel(t.Context())
	var killer, busy sync.WaitGroup
	killer.Go(func() { killSequencers(killing, t) })
	for w := range writers {
		busy.Go(func() {
			for round := range rounds {
				name := fmt.Sprintf("%d-%d", w, round)
				if err := oneTx(t.Context(), pool, []node{one, two}[w%2], cfg.Schema, name); err != nil {
					t.Errorf("transaction %s: %v", name, err)
				}
			}
		})
	}
	busy.Wait()
	stopKilling()
	killer.Wait()
	rows, err := pool.Query(t.Context(), `SELECT n FROM "`+cfg.Schema+` rows"`)
	if err != nil {
		t.Fatal(err)
	}
	committed, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	enough := func(data []string) bool { return len(data) >= 2*len(committed) }
	got, other := first.Until(t, "published", enough), second.Until(t, "published", enough)
	if !slices.Equal(got, other) {
		t.Errorf("the nodes delivered different orders: %q and %q", got, other)
	}
	var whole []string
	for i := 0; i+1 < len(got); i += 2 {
		a, part, _ := strings.Cut(got[i], " ")
		b, next, _ := strings.Cut(got[i+1], " ")
		if a != b || part != "1" || next != "2" {
			t.Fatalf("events %d, %d: got %q and %q, want both of one transaction", i, i+1, got[i], got[i+1])
		}
		whole = append(whole, a)
	}
	slices.Sort(committed)
	slices.Sort(whole)
	if !slices.Equal(whole, committed) {
		t.Errorf("published: got %d of transactions %q, want those of the %d that committed", len(whole), whole, len(committed))
	}
	start, _ := core.ParsePosition(first.IDs()[0])
	for i, id := range first.IDs() {
		if p, ok := core.ParsePosition(id); !ok || p.Epoch != start.Epoch || p.Seq != uint64(i)+1 {
			t.Fatalf("ID of event %d: got %q, want number %d", i, id, i+1)
		}
	}
	t.Logf("%d of %d transactions committed", len(committed), writers*rounds)
}

// oneTx publishes two events with a row of the app, in two steps with delays, and
// commits or not.
func oneTx(ctx context.Context, pool *pgxpool.Pool, n node, table, name string) error {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	for part := 1; part <= 2; part++ {
		r, err := n.Record("a", core.Event{Data: fmt.Sprintf("%s %d", name, part)})
		if err != nil {
			return err
		}
		if err := n.store.PublishTx(ctx, tx, r); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "SELECT pg_sleep($1)", rand.Float64()/20); err != nil {
			return err
		}
	}
	if rand.IntN(3) == 0 {
		return tx.Rollback(ctx)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO "`+table+` rows" VALUES ($1)`, name); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// killSequencers ends sessions that hold the advisory lock of a sequencer, until
// ctx ends.
func killSequencers(ctx context.Context, t *testing.T) {
	t.Helper()
	conn, err := pgx.Connect(ctx, cluster.DSN("postgres"))
	if err != nil {
		t.Errorf("Connect: %v", err)
		return
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	again := time.NewTicker(15 * time.Millisecond)
	defer again.Stop()
	kills := 0
	for ctx.Err() == nil {
		rows, err := conn.Query(ctx, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 2 AND granted AND pid <> pg_backend_pid()")
		if err != nil {
			break
		}
		killed, err := pgx.CollectRows(rows, pgx.RowTo[bool])
		if err != nil {
			break
		}
		kills += len(killed)
		select {
		case <-again.C:
		case <-ctx.Done():
		}
	}
	t.Logf("killed a sequencer %d times", kills)
}

// A transaction of database/sql publishes, too: events with all that a record can
// have. What it rolls back is not published.
func TestPublishSQL(t *testing.T) {
	t.Parallel()
	cfg := pgstore.Config{Schema: schema()}
	n := newNode(t, cluster, cfg)
	r := n.Read(t, nodetest.All(""))
	db, err := sql.Open("pgx", cluster.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for i, commit := range []bool{false, true, true} {
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		one, err := n.Record("a", core.Event{Data: fmt.Sprint("one ", i), ID: fmt.Sprint("mine ", i), Key: "k"}, core.Once("once"))
		if err != nil {
			t.Fatal(err)
		}
		two, err := n.Record("a", core.Event{Data: fmt.Sprint("two ", i)}, core.Only(core.ToGroup("g")))
		if err != nil {
			t.Fatal(err)
		}
		if err = n.store.PublishTx(t.Context(), pgstore.SQL(tx), one); err != nil {
			t.Fatalf("PublishTx: %v", err)
		}
		if err = n.store.PublishTx(t.Context(), pgstore.SQL(tx), two, two); err != nil {
			t.Fatalf("PublishTx: %v", err)
		}
		if commit {
			err = tx.Commit()
		} else {
			err = tx.Rollback()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	// The second of the commits repeats a once key.
	r.Wants(t, "published", "one 1", "two 1", "two 1", "two 2", "two 2")
	if r.IDs()[0] != "mine 1" {
		t.Errorf("ID: got %q, want %q", r.IDs()[0], "mine 1")
	}
	n.Read(t, nodetest.All("mine 1")).Wants(t, "resumed", "two 1", "two 1", "two 2", "two 2")
}
