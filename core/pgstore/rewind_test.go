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
	"github.com/tidings-go/tidings/core/pgstore"
	"github.com/tidings-go/tidings/core/pgstore/internal/pgtest"
)

// all is a subscription to the channel "a" from an event on.
func all(after string) core.Subscription {
	return core.Subscription{Channels: []string{"a"}, Start: core.Earliest(), After: after}
}

// A dump is restored under nodes that run: the events that are published since
// have other IDs than those that are lost, streams are told in band, and IDs of
// events that the dump has resume.
func TestDumpRestored(t *testing.T) {
	t.Parallel()
	c := server(t, "fsync=off")
	one, two := newNode(t, c, pgstore.Config{}), newNode(t, c, pgstore.Config{})
	first, second := one.read(t, all("")), two.read(t, all(""))
	kept := ""
	for _, data := range numbers("kept", 1, 5) {
		kept = one.publish(t, "a", data)
	}
	dump, err := c.Run(nil, "pg_dump", "-d", "postgres", "-n", "tidings")
	if err != nil {
		t.Fatal(err)
	}
	lost := ""
	for _, data := range numbers("lost", 1, 5) {
		lost = two.publish(t, "a", data)
	}
	before := join(numbers("kept", 1, 5), numbers("lost", 1, 5))
	first.wants(t, "before", before...)
	second.wants(t, "before", before...)

	restore(t, c, dump)
	reset := func(data []string) bool { return strings.HasPrefix(data[len(data)-1], "reset: ") || len(data) > 11 }
	first.until(t, "in band", reset)
	second.until(t, "in band", reset)
	// More events than were lost, so that their positions would be reached again.
	for _, data := range numbers("new", 1, 20) {
		one.publish(t, "a", data)
	}
	// After the reset, a subscription begins at its Start, here the earliest.
	want := join(before, []string{"reset: restarted"}, numbers("kept", 1, 5), numbers("new", 1, 20))
	first.wants(t, "after", want...)
	second.wants(t, "after", want...)

	three := newNode(t, c, pgstore.Config{})
	for _, n := range []node{one, two, three} {
		n.read(t, all(kept)).wants(t, "resumed after a kept event", numbers("new", 1, 20)...)
		n.read(t, all(lost)).wants(t, "resumed after a lost event",
			join([]string{"reset: restarted"}, numbers("kept", 1, 5), numbers("new", 1, 20))...)
	}
	if first.ids[11+5-1] != kept {
		t.Errorf("ID of a kept event after the restore: got %q, want %q", first.ids[11+5-1], kept)
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
	kept := one.publish(t, "a", "kept")
	dump, err := c.Run(nil, "pg_dump", "-d", "postgres", "-n", "tidings")
	if err != nil {
		t.Fatal(err)
	}
	lost := one.publish(t, "a", "lost 1")
	one.publish(t, "a", "lost 2")
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	restore(t, c, dump)

	one = newNode(t, c, pgstore.Config{})
	for _, data := range numbers("new", 1, 5) {
		one.publish(t, "a", data)
	}
	one.read(t, all(kept)).wants(t, "resumed after a kept event", numbers("new", 1, 5)...)
	one.read(t, all(lost)).wants(t, "resumed after a lost event",
		join([]string{"reset: restarted", "kept"}, numbers("new", 1, 5))...)
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
			r := one.read(t, all(""))
			kept := one.publish(t, "a", "kept")
			var lost []string
			for _, data := range numbers("lost", 1, 3) {
				lost = append(lost, one.publish(t, "a", data))
			}
			r.wants(t, "before", join([]string{"kept"}, numbers("lost", 1, 3))...)
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
			r.until(t, "in band", func(data []string) bool { return len(data) > 4 })
			one.publish(t, "a", "new")
			r.wants(t, "after", join([]string{"kept"}, numbers("lost", 1, 3), []string{"reset: restarted", "kept"}, other, []string{"new"})...)
			two := newNode(t, cluster, cfg)
			for _, n := range []node{one, two} {
				n.read(t, all(kept)).wants(t, "resumed after a kept event", append(other, "new")...)
				for _, id := range lost {
					n.read(t, all(id)).wants(t, "resumed after a lost event", join([]string{"reset: restarted", "kept"}, other, []string{"new"})...)
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
	r := one.read(t, all(""))
	id := one.publish(t, "a", "1")
	r.wants(t, "before", "1")
	if err := one.Health(); err != nil {
		t.Errorf("Health: got %v, want none", err)
	}
	if err := c.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
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
	publishWhenBack(t, one, "2")
	r.wants(t, "after", "1", "2")
	one.read(t, all(id)).wants(t, "resumed", "2")
	if err := one.Health(); err != nil {
		t.Errorf("Health after: got %v, want none", err)
	}
}

// publishWhenBack publishes as soon as the server is there.
func publishWhenBack(t *testing.T, n node, data string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, err := n.Publish(ctx, "a", core.Event{Data: data})
		if err == nil {
			return
		}
		if !errors.Is(err, core.ErrUnavailable) || ctx.Err() != nil {
			t.Fatalf("Publish: got %v, want ErrUnavailable until the server is back", err)
		}
	}
}

// The server comes back with older data, as a replica that is promoted late does.
func TestOldServer(t *testing.T) {
	t.Parallel()
	c := server(t, "fsync=off")
	one := newNode(t, c, pgstore.Config{})
	r := one.read(t, all(""))
	kept := one.publish(t, "a", "kept")
	r.wants(t, "at first", "kept")
	swap := func(between func() error) {
		t.Helper()
		if err := errors.Join(c.Signal(syscall.SIGINT), between(), c.Start()); err != nil {
			t.Fatal(err)
		}
	}
	swap(c.Save)
	publishWhenBack(t, one, "lost 1")
	lost := one.publish(t, "a", "lost 2")
	r.wants(t, "before", "kept", "lost 1", "lost 2")
	swap(c.Rewind)
	for i := range 3 {
		publishWhenBack(t, one, fmt.Sprint("new ", i+1))
	}
	r.wants(t, "after", join([]string{"kept", "lost 1", "lost 2", "reset: restarted", "kept"}, numbers("new", 1, 3))...)
	two := newNode(t, c, pgstore.Config{})
	for _, n := range []node{one, two} {
		n.read(t, all(kept)).wants(t, "resumed after a kept event", numbers("new", 1, 3)...)
		n.read(t, all(lost)).wants(t, "resumed after a lost event", join([]string{"reset: restarted", "kept"}, numbers("new", 1, 3))...)
	}
}
