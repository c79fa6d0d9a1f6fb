package pgstore_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/pgstore"
)

// A role that may do no more than Migrate grants runs a store: it publishes, also
// in a transaction, reads, forgets, and removes. It cannot touch the tables.
func TestRole(t *testing.T) {
	t.Parallel()
	c := server(t, "fsync=off")
	cfg := pgstore.Config{NoMigrate: true, PartitionEvents: 20, Maintain: 20 * time.Millisecond, Retention: core.Retention{Events: 5}}
	if err := c.Exec(t.Context(), "postgres", "CREATE ROLE app LOGIN"); err != nil {
		t.Fatal(err)
	}
	dsn := strings.Replace(c.DSN("postgres"), "user=postgres", "user=app", 1)
	if store, err := pgstore.Open(t.Context(), dsn, cfg); err == nil {
		_ = store.Close()
		t.Error("Open without the schema: got no error")
	}
	if err := pgstore.Migrate(t.Context(), c.DSN("postgres"), cfg, "app"); err != nil {
		t.Fatal(err)
	}
	store, err := pgstore.Open(t.Context(), dsn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	n := hubOn(t, store)
	r := n.Read(t, nodetest.All(""))
	for _, data := range nodetest.Numbers("event", 1, 100) {
		n.MustPublish(t, "a", data)
	}
	r.Wants(t, "published", nodetest.Numbers("event", 1, 100)...)
	partitionsAtMost(t, c, "tidings", 4)
	if err = n.Forget(t.Context(), "a"); err != nil {
		t.Errorf("Forget: %v", err)
	}

	pc, err := pgconn.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pc.Close(t.Context()) }()
	for _, text := range []string{
		"DELETE FROM tidings.events", "INSERT INTO tidings.events SELECT * FROM tidings.events", "UPDATE tidings.state SET head = 0",
		"CREATE TABLE tidings.mine (n int)", "DROP SCHEMA tidings CASCADE", "DELETE FROM tidings.outbox", "TRUNCATE tidings.once",
		"SELECT tidings.begin_epoch(0, 0)",
	} {
		_, err := pc.Exec(t.Context(), text).ReadAll()
		if pg := (*pgconn.PgError)(nil); !errors.As(err, &pg) || pg.Code != "42501" {
			t.Errorf("%s: got error %v, want that it is not permitted", text, err)
		}
	}
}

// Nodes that start at the same time on an empty database do not disturb each
// other.
func TestMigrateTogether(t *testing.T) {
	t.Parallel()
	name := schema()
	var busy sync.WaitGroup
	for range 6 {
		busy.Go(func() {
			store, err := pgstore.Open(t.Context(), cluster.DSN("postgres"), pgstore.Config{Schema: name})
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			if err := store.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	busy.Wait()
	if err := cluster.Exec(t.Context(), "postgres", `COMMENT ON SCHEMA "`+name+`" IS 'tidings 99'`); err != nil {
		t.Fatal(err)
	}
	if store, err := pgstore.Open(t.Context(), cluster.DSN("postgres"), pgstore.Config{Schema: name}); err == nil {
		_ = store.Close()
		t.Error("Open of a newer schema: got no error")
	}
}
