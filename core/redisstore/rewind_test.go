package redisstore_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/redisstore"
	"github.com/tidings-go/tidings/core/redisstore/internal/redistest"
)

// soon makes nodes notice losses soon.
func soon() redisstore.Config { return redisstore.Config{Poll: 20 * time.Millisecond} }

// lost checks a loss under nodes: events were kept, then others lost, which the
// readers have. Subscribers are told, in band; new events have other IDs; IDs of
// kept events resume, and others do not.
type lost struct {
	nodes      []nodetest.Node
	readers    []*nodetest.Reader
	kept, gone string
}

// lose publishes events, calls between, and publishes others.
func lose(t *testing.T, nodes []nodetest.Node, between func()) *lost {
	t.Helper()
	l := &lost{nodes: nodes}
	for _, n := range nodes {
		l.readers = append(l.readers, n.Read(t, nodetest.All("")))
	}
	for _, data := range nodetest.Numbers("kept", 1, 5) {
		l.kept = nodes[0].MustPublish(t, "a", data)
	}
	l.wants(t, "at first", nodetest.Numbers("kept", 1, 5)...)
	between()
	for _, data := range nodetest.Numbers("lost", 1, 5) {
		l.gone = nodes[len(nodes)-1].MustPublish(t, "a", data)
	}
	l.wants(t, "before", slices.Concat(nodetest.Numbers("kept", 1, 5), nodetest.Numbers("lost", 1, 5))...)
	return l
}

func (l *lost) wants(t *testing.T, what string, want ...string) {
	t.Helper()
	for i, r := range l.readers {
		r.Wants(t, fmt.Sprintf("%s, node %d", what, i), want...)
	}
}

// check checks what happens after the loss. kept are those that are still there;
// more are nodes that come new.
func (l *lost) check(t *testing.T, kept []string, more ...nodetest.Node) {
	t.Helper()
	// More events than were lost, so that their positions would be reached again.
	for _, data := range nodetest.Numbers("new", 1, 20) {
		l.nodes[0].PublishWhenBack(t, "a", data)
	}
	// After the reset, a subscription begins at its Start, here the earliest.
	anew := slices.Concat(kept, nodetest.Numbers("new", 1, 20))
	l.wants(t, "after", slices.Concat(nodetest.Numbers("kept", 1, 5), nodetest.Numbers("lost", 1, 5), []string{"reset: restarted"}, anew)...)
	for _, n := range append(more, l.nodes...) {
		n.Read(t, nodetest.All(l.gone)).Wants(t, "resumed after a lost event", append([]string{"reset: restarted"}, anew...)...)
		if len(kept) > 0 {
			n.Read(t, nodetest.All(l.kept)).Wants(t, "resumed after a kept event", nodetest.Numbers("new", 1, 20)...)
		}
	}
}

// pair returns two nodes.
func pair(t *testing.T, s *redistest.Server) []nodetest.Node {
	t.Helper()
	return []nodetest.Node{newNode(t, s, soon()), newNode(t, s, soon())}
}

// All data are removed under nodes that run. It makes no difference whether a node
// that knows of nothing comes before they notice.
func TestFlushed(t *testing.T) {
	t.Parallel()
	t.Run("noticed first", func(t *testing.T) {
		t.Parallel()
		s := server(t)
		l := lose(t, pair(t, s), func() {})
		do(t, s, []any{"flushall"})
		l.check(t, nil)
	})
	t.Run("new node first", func(t *testing.T) {
		t.Parallel()
		s := server(t)
		l := lose(t, []nodetest.Node{newNode(t, s, redisstore.Config{Poll: 300 * time.Millisecond})}, func() {})
		do(t, s, []any{"flushall"})
		two := newNode(t, s, soon())
		r := two.Read(t, nodetest.All(""))
		id := two.MustPublish(t, "a", "1")
		two.MustPublish(t, "a", "2")
		l.readers[0].Until(t, "in band", func(data []string) bool { return slices.Contains(data, "reset: restarted") })
		l.nodes[0].MustPublish(t, "a", "3")
		r.Wants(t, "at the new node", "1", "2", "3")
		for _, n := range append(l.nodes, two) {
			n.Read(t, nodetest.All(id)).Wants(t, "resumed", "2", "3")
			n.Read(t, nodetest.All(l.gone)).Wants(t, "resumed after a lost event", "reset: restarted", "1", "2", "3")
		}
	})
	t.Run("without nodes", func(t *testing.T) {
		t.Parallel()
		s := server(t)
		one := newNode(t, s, soon())
		id := one.MustPublish(t, "a", "lost")
		if err := one.Close(); err != nil {
			t.Fatal(err)
		}
		do(t, s, []any{"flushall"})
		two := newNode(t, s, soon())
		two.MustPublish(t, "a", "new")
		two.Read(t, nodetest.All(id)).Wants(t, "resumed after a lost event", "reset: restarted", "new")
	})
}

// A snapshot is restored under nodes that run.
func TestSnapshotRestored(t *testing.T) {
	t.Parallel()
	s := server(t)
	l := lose(t, pair(t, s), func() { must(t, s.Save()) })
	must(t, s.Restore())
	l.check(t, nodetest.Numbers("kept", 1, 5), newNode(t, s, soon()))
}

// A snapshot is restored while no node runs: nobody remembers what is lost.
func TestSnapshotRestoredWithoutNodes(t *testing.T) {
	t.Parallel()
	s := server(t)
	one := newNode(t, s, soon())
	kept := one.MustPublish(t, "a", "kept")
	must(t, s.Save())
	gone := one.MustPublish(t, "a", "lost 1")
	one.MustPublish(t, "a", "lost 2")
	must(t, one.Close())
	must(t, s.Restore())
	one = newNode(t, s, soon())
	for _, data := range nodetest.Numbers("new", 1, 5) {
		one.MustPublish(t, "a", data)
	}
	one.Read(t, nodetest.All(kept)).Wants(t, "resumed after a kept event", nodetest.Numbers("new", 1, 5)...)
	one.Read(t, nodetest.All(gone)).Wants(t, "resumed after a lost event",
		slices.Concat([]string{"reset: restarted", "kept"}, nodetest.Numbers("new", 1, 5))...)
}

// A snapshot is restored while a node is away that has not seen what is lost: it
// does not give the positions again.
func TestSnapshotRestoredWhileAway(t *testing.T) {
	t.Parallel()
	s, dead := server(t), server(t)
	must(t, dead.Kill())
	way := newRoute(s)
	one, two := newNode(t, s, soon()), way.node(t, soon())
	r := two.Read(t, nodetest.All(""))
	kept := one.MustPublish(t, "a", "kept")
	r.Wants(t, "before", "kept")
	must(t, s.Save())
	way.leave(t, s, dead)
	gone := one.MustPublish(t, "a", "lost")
	must(t, one.Close())
	must(t, s.Restore())
	way.to.Store(s)
	two.PublishWhenBack(t, "a", "new")
	r.Wants(t, "after", "kept", "new")
	two.Read(t, nodetest.All(kept)).Wants(t, "resumed after a kept event", "new")
	two.Read(t, nodetest.All(gone)).Wants(t, "resumed after a lost event", "reset: restarted", "kept", "new")
}

// The newest writes were not on the disk when the power went: the log is shorter
// than what was acknowledged.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	s := server(t, "appendonly", "yes", "appendfsync", "no")
	size := int64(0)
	l := lose(t, pair(t, s), func() {
		info, err := os.Stat(log(t, s))
		must(t, err)
		size = info.Size()
	})
	must(t, s.Kill())
	must(t, os.Truncate(log(t, s), size))
	must(t, s.Start())
	l.check(t, nodetest.Numbers("kept", 1, 5), newNode(t, s, soon()))
}

// log returns the path of what the server appends to.
func log(t *testing.T, s *redistest.Server) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(filepath.Dir(s.Socket()), "appendonlydir", "*.incr.aof"))
	if err != nil || len(found) != 1 {
		t.Fatalf("files: got %q, error %v, want one", found, err)
	}
	return found[0]
}

// The data go back in time while the server runs, without a sign: nodes that were
// delivered what is lost notice. It makes no difference whether others were
// published since by a node that could not know.
func TestLostWithoutASign(t *testing.T) {
	t.Parallel()
	for _, others := range []int{0, 3, 8} {
		t.Run(fmt.Sprint(others, " others"), func(t *testing.T) {
			t.Parallel()
			s := server(t)
			one := newNode(t, s, redisstore.Config{Poll: 300 * time.Millisecond})
			r := one.Read(t, nodetest.All(""))
			kept := one.MustPublish(t, "a", "kept")
			r.Wants(t, "at first", "kept")
			do(t, s, []any{"save"})
			var gone []string
			for _, data := range nodetest.Numbers("lost", 1, 5) {
				gone = append(gone, one.MustPublish(t, "a", data))
			}
			do(t, s, []any{"debug", "reload", "nosave"})
			two := newNode(t, s, redisstore.Config{})
			for range others {
				two.MustPublish(t, "a", "other")
			}
			if others == 0 { // nor could the node itself know before it looks
				if id := one.MustPublish(t, "a", "own"); slices.Contains(gone, id) {
					t.Errorf("Publish after the loss: got ID %s, which was given to a lost event", id)
				}
			}
			r.Until(t, "in band", func(data []string) bool { return slices.Contains(data, "reset: restarted") })
			one.MustPublish(t, "a", "new")
			between := slices.Repeat([]string{"other"}, others)
			if others == 0 {
				between = []string{"own"}
			}
			want := slices.Concat([]string{"reset: restarted", "kept"}, between, []string{"new"})
			got := r.Until(t, "after", func(data []string) bool { return data[len(data)-1] == "new" })
			if at := slices.Index(got, want[0]); !slices.Equal(got[at:], want) {
				t.Errorf("after the loss: got %q, want %q", got[at:], want)
			}
			for _, n := range []nodetest.Node{one, two} {
				n.Read(t, nodetest.All(kept)).Wants(t, "resumed after a kept event", want[2:]...)
				for _, id := range gone {
					n.Read(t, nodetest.All(id)).Wants(t, "resumed after a lost event", want...)
				}
			}
		})
	}
}

// A replica that lags is promoted under nodes that run.
func TestPromotedReplica(t *testing.T) {
	t.Parallel()
	master, replica := replicated(t)
	r := newRoute(master)
	l := lose(t, []nodetest.Node{r.node(t, soon()), r.node(t, soon())}, func() {
		do(t, master, []any{"wait", "1", "10000"})
		cut(t, master)
	})
	must(t, master.Kill())
	promote(t, replica)
	r.to.Store(replica)
	l.check(t, nodetest.Numbers("kept", 1, 5), r.node(t, soon()))
}

// A replica that does not lag is promoted: nobody notices.
func TestPromotedInTime(t *testing.T) {
	t.Parallel()
	master, replica := replicated(t)
	route := newRoute(master)
	one, two := route.node(t, redisstore.Config{Replicas: 1}), route.node(t, redisstore.Config{Replicas: 1})
	r := two.Read(t, nodetest.All(""))
	first := one.MustPublish(t, "a", "1")
	one.MustPublish(t, "a", "2")
	r.Wants(t, "before", "1", "2")
	must(t, master.Kill())
	promote(t, replica)
	route.to.Store(replica)
	for _, n := range []nodetest.Node{one, two} { // until the next replica is there
		if _, err := n.Publish(t.Context(), "a", event("not acknowledged")); !errors.Is(err, errUnavailable) {
			t.Errorf("Publish without a replica: got %v, want ErrUnavailable", err)
		}
	}
	next, err := replica.Replica()
	stopped(t, next, err)
	one.PublishWhenBack(t, "a", "3")
	got := r.Until(t, "after", func(data []string) bool { return data[len(data)-1] == "3" })
	if slices.ContainsFunc(got, func(data string) bool { return strings.HasPrefix(data, "reset") }) {
		t.Errorf("got %q, want no reset", got)
	}
	again := one.Read(t, nodetest.All(first)).Until(t, "resumed", func(data []string) bool { return len(data) == len(got)-1 })
	if !slices.Equal(again, got[1:]) {
		t.Errorf("resumed: got %q, want %q", again, got[1:])
	}
}

// Sentinel promotes a replica: nodes follow.
func TestSentinel(t *testing.T) {
	t.Parallel()
	master := server(t)
	port, err := nodetest.FreePort()
	must(t, err)
	replica, err := master.Replica("port", strconv.Itoa(port))
	stopped(t, replica, err)
	watch, err := master.Watch(500 * time.Millisecond)
	must(t, err)
	stopped(t, &watch.Server, nil)
	client := redis.NewUniversalClient(&redis.UniversalOptions{MasterName: "main", Addrs: []string{watch.Addr()}, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = client.Close() })
	var nodes [2]nodetest.Node
	for i := range nodes {
		store, err := redisstore.New(t.Context(), client, redisstore.Config{Poll: time.Hour, Timeout: time.Second})
		must(t, err)
		closed(t, store)
		nodes[i] = nodetest.New(t, store)
	}
	r := nodes[0].Read(t, nodetest.All(""))
	nodes[1].MustPublish(t, "a", "1")
	r.Wants(t, "before", "1")
	do(t, master, []any{"wait", "1", "10000"})
	must(t, master.Kill())
	nodes[1].PublishWhenBack(t, "a", "2")
	r.Wants(t, "after", "1", "2")
}

// Nodes on both sides of a partition publish to a master each. When it is over, what
// was published on the side that lost is gone, and its clients are told.
func TestPartition(t *testing.T) {
	t.Parallel()
	master, replica := replicated(t)
	left, right := newRoute(master), newRoute(master)
	l := lose(t, []nodetest.Node{left.node(t, soon())}, func() {
		do(t, master, []any{"wait", "1", "10000"})
		cut(t, master)
	})
	promote(t, replica)
	right.to.Store(replica)
	two := right.node(t, soon())
	r := two.Read(t, nodetest.All(l.kept))
	for _, data := range nodetest.Numbers("right", 1, 10) {
		two.MustPublish(t, "a", data)
	}
	r.Wants(t, "on the side that wins", nodetest.Numbers("right", 1, 10)...)
	left.to.Store(replica)
	must(t, master.Kill())
	kept := slices.Concat(nodetest.Numbers("kept", 1, 5), nodetest.Numbers("right", 1, 10))
	l.nodes[0].PublishWhenBack(t, "a", "new")
	l.readers[0].Wants(t, "on the side that loses", slices.Concat(nodetest.Numbers("kept", 1, 5), nodetest.Numbers("lost", 1, 5),
		[]string{"reset: restarted"}, kept, []string{"new"})...)
	r.Wants(t, "on the side that wins", append(nodetest.Numbers("right", 1, 10), "new")...)
	two.Read(t, nodetest.All(l.gone)).Wants(t, "resumed after a lost event", slices.Concat([]string{"reset: restarted"}, kept, []string{"new"})...)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
