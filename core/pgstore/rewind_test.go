package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/pgstore"
	"github.com/tidings-go/tidings/core/pgstore/internal/pgtest"
)

// A dump is restored under nodes that run: the events that are published since
// have other IDs than those that are lost, streams are told in band, and IDs of
// events that the dump has resume.
func TestDumpRestored(t *testing.T) {
	t.Parallel()
	c := server(t, "fsync=off")
	one, two := newNode(t, c, pgstore.Config{}), newNode(t, c, pgstore.Config{})
	first, second := one.Read(t, nodetest.All("")), two.Read(t, nodetest.All(""))
	kept := ""
	for _, data := range nodetest.Numbers("kept", 1, 5) {
		kept = one.MustPublish(t, "a", data)
	}
	dump, err := c.Run(nil, "pg_dump", "-d", "postgres", "-n", "tidings")
	if err != nil {
		t.Fatal(err)
	}
	lost := ""
	for _, data := range nodetest.Numbers("lost", 1, 5) {
		lost = two.MustPublish(t, "a", data)
	}
	before := slices.Concat(nodetest.Numbers("kept", 1, 5), nodetest.Numbers("lost", 1, 5))
	first.Wants(t, "before", before...)
	second.Wants(t, "before", before...)

	restore(t, c, dump)
	reset := func(data []string) bool { return strings.HasPrefix(data[len(data)-1], "reset: ") || len(data) > 11 }
	first.Until(t, "in band", reset)
	second.Until(t, "in band", reset)
	// More events than were lost, so that their positions would be reached again.
	for _, data := range nodetest.Numbers("new", 1, 20) {
		one.MustPublish(t, "a", data)
	}
	// After the reset, a subscription begins at its Start, here the earliest.
	want := slices.Concat(before, []string{"reset: restarted"}, nodetest.Numbers("kept", 1, 5), nodetest.Numbers("new", 1, 20))
	first.Wants(t, "after", want...)
	second.Wants(t, "after", want...)

	three := newNode(t, c, pgstore.Config{})
	for _, n := range []node{one, two, three} {
		n.Read(t, nodetest.All(kept)).Wants(t, "resumed after a kept event", nodetest.Numbers("new", 1, 20)...)
		n.Read(t, nodetest.All(lost)).Wants(t, "resumed after a lost event",
			slices.Concat([]string{"reset: restarted"}, nodetest.Numbers("kept", 1, 5), nodetest.Numbers("new", 1, 20))...)
	}
	if first.IDs()[11+5-1] != kept {
		t.Errorf("ID of a kept event after the restore: got %q, want %q", first.IDs()[11+5-1], kept)
	}
}

// restore replaces the schema by a dump.
func restore(t *testing.T, c *pgtest.Cluster, dump []byte) {
	t.Helper()
	text := append([]byte("BEGIN; DROP SCHEMA tidings CASCADE;\n"), dump...)
	text = append(text, "\nCOMMIT;\n"...)
	if _, err := c.Run(text, "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", "postgres"); err != nil {
		t.Fatal(err)
	}
}

// A dump is restored while no node runs: nobody remembers what is lost.
func TestDumpRestoredWithoutNodes(t *testing.T) {
	t.Parallel()
	c := server(t, "fsync=off")
	one := newNode(t, c, pgstore.Config{})
	kept := one.MustPublish(t, "a", "kept")
	dump, err := c.Run(nil, "pg_dump", "-d", "postgres", "-n", "tidings")
	if err != nil {
		t.Fatal(err)
	}
	lost := one.MustPublish(t, "a", "lost 1")
	one.MustPublish(t, "a", "lost 2")
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	restore(t, c, dump)

	one = newNode(t, c, pgstore.Config{})
	for _, data := range nodetest.Numbers("new", 1, 5) {
		one.MustPublish(t, "a", data)
	}
	one.Read(t, nodetest.All(kept)).Wants(t, "resumed after a kept event", nodetest.Numbers("new", 1, 5)...)
	one.Read(t, nodetest.All(lost)).Wants(t, "resumed after a lost event",
		slices.Concat([]string{"reset: restarted", "kept"}, nodetest.Numbers("new", 1, 5))...)
}

// The newest events are gone without a sign at the server, as after a crash with
// synchronous_commit off: nodes that were delivered them notice, and begin a new
// epoch. It makes no difference whether others were published since.
func TestLostWithoutASign(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		others int
	}{{"behind", 0}, {"fewer others", 2}, {"more others", 4}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := pgstore.Config{Schema: schema()}
			one := newNode(t, cluster, cfg)
			r := one.Read(t, nodetest.All(""))
			kept := one.MustPublish(t, "a", "kept")
			var lost []string
			for _, data := range nodetest.Numbers("lost", 1, 3) {
				lost = append(lost, one.MustPublish(t, "a", data))
			}
			r.Wants(t, "before", slices.Concat([]string{"kept"}, nodetest.Numbers("lost", 1, 3))...)
			err := cluster.Exec(t.Context(), "postgres", `SET search_path = "`+cfg.Schema+`"; DO $$ BEGIN
				DELETE FROM events WHERE seq > 1;
				UPDATE channels SET newest = 1, events = 1, bytes = (SELECT cum FROM events);
				UPDATE state SET head = 1, tx = pg_current_xact_id();
				FOR i IN 1..`+strconv.Itoa(test.others)+` LOOP
					PERFORM append(1, i, '1 hour', '{a}', '{""}', '{""}', '{""}', '{""}', '{0}', ARRAY['data: other'||chr(10)]::bytea[], '{0}');
				END LOOP;
				END $$`)
			if err != nil {
				t.Fatal(err)
			}
			other := slices.Repeat([]string{"other"}, test.others)
			r.Until(t, "in band", func(data []string) bool { return len(data) > 4 })
			one.MustPublish(t, "a", "new")
			r.Wants(t, "after", slices.Concat([]string{"kept"}, nodetest.Numbers("lost", 1, 3), []string{"reset: restarted", "kept"}, other, []string{"new"})...)
			two := newNode(t, cluster, cfg)
			for _, n := range []node{one, two} {
				n.Read(t, nodetest.All(kept)).Wants(t, "resumed after a kept event", append(other, "new")...)
				for _, id := range lost {
					n.Read(t, nodetest.All(id)).Wants(t, "resumed after a lost event", slices.Concat([]string{"reset: restarted", "kept"}, other, []string{"new"})...)
				}
			}
		})
	}
}

// An engine that is away: streams stay open, publishing is refused with a typed
// error, Health tells, and all go on without a gap when it is back.
func TestAway(t *testing.T) {
	t.Parallel()
	c := server(t, "fsync=off")
	one := newNode(t, c, pgstore.Config{})
	r := one.Read(t, nodetest.All(""))
	id := one.MustPublish(t, "a", "1")
	r.Wants(t, "before", "1")
	if err := one.Health(); err != nil {
		t.Errorf("Health: got %v, want none", err)
	}
	if err := c.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), nodetest.Patience)
		if _, err := one.Publish(ctx, "a", core.Event{Data: "refused"}); !errors.Is(err, core.ErrUnavailable) {
			t.Errorf("Publish while the server is away: got %v, want ErrUnavailable", err)
		}
		cancel()
	}
	if err := one.Health(); !errors.Is(err, history.ErrUnavailable) || !errors.Is(err, core.ErrStore) {
		t.Errorf("Health while the server is away: got %v, want ErrUnavailable", err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	one.PublishWhenBack(t, "a", "2")
	r.Wants(t, "after", "1", "2")
	one.Read(t, nodetest.All(id)).Wants(t, "resumed", "2")
	if err := one.Health(); err != nil {
		t.Errorf("Health after: got %v, want none", err)
	}
}

// The server comes back with older data, as a replica that is promoted late does.
func TestOldServer(t *testing.T) {
	t.Parallel()
	c := server(t, "fsync=off")
	one := newNode(t, c, pgstore.Config{})
	r := one.Read(t, nodetest.All(""))
	kept := one.MustPublish(t, "a", "kept")
	r.Wants(t, "at first", "kept")
	swap := func(between func() error) {
		t.Helper()
		if err := errors.Join(c.Signal(syscall.SIGINT), between(), c.Start()); err != nil {
			t.Fatal(err)
		}
	}
	swap(c.Save)
	one.PublishWhenBack(t, "a", "lost 1")
	lost := one.MustPublish(t, "a", "lost 2")
	r.Wants(t, "before", "kept", "lost 1", "lost 2")
	swap(c.Rewind)
	for i := range 3 {
		one.PublishWhenBack(t, "a", fmt.Sprint("new ", i+1))
	}
	r.Wants(t, "after", slices.Concat([]string{"kept", "lost 1", "lost 2", "reset: restarted", "kept"}, nodetest.Numbers("new", 1, 3))...)
	two := newNode(t, c, pgstore.Config{})
	for _, n := range []node{one, two} {
		n.Read(t, nodetest.All(kept)).Wants(t, "resumed after a kept event", nodetest.Numbers("new", 1, 3)...)
		n.Read(t, nodetest.All(lost)).Wants(t, "resumed after a lost event", slices.Concat([]string{"reset: restarted", "kept"}, nodetest.Numbers("new", 1, 3))...)
	}
}
