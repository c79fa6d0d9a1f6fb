package natsstore_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/natsstore"
	"github.com/tidings-go/tidings/core/natsstore/internal/natstest"
)

// quick is a configuration that notices soon what happens to the stream.
func quick() natsstore.Config { return natsstore.Config{Poll: 200 * time.Millisecond} }

// node returns a node, which is closed in the end.
func node(tb testing.TB, url string, cfg natsstore.Config) nodetest.Node {
	tb.Helper()
	return nodetest.New(tb, open(tb, url, cfg))
}

// admin returns a connection for what an operator does.
func admin(tb testing.TB, url string) (*nats.Conn, nats.JetStreamContext) {
	tb.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(conn.Close)
	js, err := conn.JetStream()
	if err != nil {
		tb.Fatal(err)
	}
	return conn, js
}

// publish publishes some events, and returns the ID of the last.
func publish(t *testing.T, n nodetest.Node, data ...string) (id string) {
	t.Helper()
	for _, one := range data {
		id = n.MustPublish(t, "a", one)
	}
	return id
}

func isReset(data []string) bool {
	return len(data) > 0 && strings.HasPrefix(data[len(data)-1], "reset: ")
}

// numbers is short for nodetest.Numbers.
func numbers(prefix string, from, to int) []string { return nodetest.Numbers(prefix, from, to) }

// restore takes the server's directory back to what it was after "kept 5": between,
// lost has published. The server is started again.
func restore(t *testing.T, s *natstest.Server, lost func()) {
	t.Helper()
	copied := t.TempDir()
	for _, step := range []func() error{s.Kill, func() error { return s.Copy(copied) }, s.Start} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	lost()
	for _, step := range []func() error{s.Kill, func() error { return s.Restore(copied) }, s.Start} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}

// A snapshot of the server's disk is restored under nodes that run, or the server
// loses its newest writes: the events that are published since have other IDs than
// those that are lost, streams are told in band, and IDs of events that are still
// there resume.
func TestSnapshotRestored(t *testing.T) {
	t.Parallel()
	s := server(t, natstest.Options{SyncAlways: true})
	one, two := node(t, s.URL(), quick()), node(t, s.URL(), quick())
	first, second := one.Read(t, nodetest.All("")), two.Read(t, nodetest.All(""))
	kept, lost := publish(t, one, numbers("kept", 1, 5)...), ""
	before := slices.Concat(numbers("kept", 1, 5), numbers("lost", 1, 5))
	restore(t, s, func() {
		two.PublishWhenBack(t, "a", "lost 1")
		lost = publish(t, two, numbers("lost", 2, 5)...)
		first.Wants(t, "before", before...)
		second.Wants(t, "before", before...)
	})
	first.Until(t, "in band", func(data []string) bool { return len(data) > 10 })
	second.Until(t, "in band", func(data []string) bool { return len(data) > 10 })
	// More events than were lost, so that their positions would be reached again.
	one.PublishWhenBack(t, "a", "new 1")
	publish(t, one, numbers("new", 2, 20)...)
	want := slices.Concat(before, []string{"reset: restarted"}, numbers("kept", 1, 5), numbers("new", 1, 20))
	first.Wants(t, "after", want...)
	second.Wants(t, "after", want...)
	three := node(t, s.URL(), quick())
	for _, n := range []nodetest.Node{one, two, three} {
		n.Read(t, nodetest.All(kept)).Wants(t, "resumed after a kept event", numbers("new", 1, 20)...)
		n.Read(t, nodetest.All(lost)).Wants(t, "resumed after a lost event",
			slices.Concat([]string{"reset: restarted"}, numbers("kept", 1, 5), numbers("new", 1, 20))...)
	}
	if first.IDs()[11+5-1] != kept {
		t.Errorf("ID of a kept event after the restore: got %q, want %q", first.IDs()[11+5-1], kept)
	}
}

// The same while no node runs: no node knows of the lost events.
func TestSnapshotRestoredWithoutNodes(t *testing.T) {
	t.Parallel()
	s := server(t, natstest.Options{SyncAlways: true})
	one := node(t, s.URL(), quick())
	kept, lost := publish(t, one, numbers("kept", 1, 5)...), ""
	restore(t, s, func() {
		one.PublishWhenBack(t, "a", "lost 1")
		lost = publish(t, one, numbers("lost", 2, 5)...)
		if err := one.Close(); err != nil {
			t.Fatal(err)
		}
	})
	one = node(t, s.URL(), quick())
	publish(t, one, numbers("new", 1, 10)...)
	one.Read(t, nodetest.All(kept)).Wants(t, "resumed after a kept event", numbers("new", 1, 10)...)
	one.Read(t, nodetest.All(lost)).Wants(t, "resumed after a lost event",
		slices.Concat([]string{"reset: restarted"}, numbers("kept", 1, 5), numbers("new", 1, 10))...)
}

// The stream is purged, or deleted, while nodes run and while none does: what was
// in it is gone, and a client that had not seen the end of it is told so. The positions
// of what is published since are new ones.
func TestFlushed(t *testing.T) {
	t.Parallel()
	for name, flush := range map[string]func(js nats.JetStreamContext, stream string) error{
		"purged":        func(js nats.JetStreamContext, stream string) error { return js.PurgeStream(stream) },
		"deleted":       func(js nats.JetStreamContext, stream string) error { return js.DeleteStream(stream) },
		"state purged":  func(js nats.JetStreamContext, stream string) error { return js.PurgeStream(stream + "_STATE") },
		"state deleted": func(js nats.JetStreamContext, stream string) error { return js.DeleteStream(stream + "_STATE") },
	} {
		for _, running := range []bool{true, false} {
			t.Run(name+map[bool]string{true: ", nodes running", false: ", no node running"}[running], func(t *testing.T) {
				t.Parallel()
				flushed(t, func(js nats.JetStreamContext, stream string) error { return flush(js, stream) }, running, strings.HasPrefix(name, "state"), strings.HasSuffix(name, "deleted"))
			})
		}
	}
}

func flushed(t *testing.T, flush func(js nats.JetStreamContext, stream string) error, running, state, deleted bool) {
	t.Helper()
	cfg := named(quick())
	_, js := admin(t, shared.URL())
	one, two := node(t, shared.URL(), cfg), node(t, shared.URL(), cfg)
	reader := two.Read(t, nodetest.All(""))
	old := publish(t, one, numbers("old", 1, 10)...)
	reader.Wants(t, "before", numbers("old", 1, 10)...)
	if !running {
		for _, n := range []nodetest.Node{one, two} {
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := flush(js, cfg.Stream); err != nil {
		t.Fatal(err)
	}
	if running && state && !deleted {
		// What is known of channels is only needed by a node that starts.
		node(t, shared.URL(), cfg)
	}
	if running {
		reader.Until(t, "in band", isReset)
		one.PublishWhenBack(t, "a", "new 1")
	} else {
		one = node(t, shared.URL(), cfg)
		two = node(t, shared.URL(), cfg)
		publish(t, one, "new 1")
	}
	publish(t, one, numbers("new", 2, 20)...)
	after := append([]string{"reset: restarted"}, numbers("new", 1, 20)...)
	if running {
		reader.Wants(t, "after", append(numbers("old", 1, 10), after...)...)
	}
	for _, n := range []nodetest.Node{one, two} {
		n.Read(t, nodetest.All(old)).Wants(t, "resumed", after...)
	}
}

// The newest messages are removed without a sign, and others are published in
// their place by another program: the node that was delivered them notices.
func TestReplacedWithoutASign(t *testing.T) {
	t.Parallel()
	cfg := named(quick())
	_, js := admin(t, shared.URL())
	one := node(t, shared.URL(), cfg)
	reader := one.Read(t, nodetest.All(""))
	old := publish(t, one, numbers("old", 1, 10)...)
	reader.Wants(t, "before", numbers("old", 1, 10)...)
	info, err := js.StreamInfo(cfg.Stream)
	if err != nil {
		t.Fatal(err)
	}
	// The stream is made anew with as many messages as it had.
	first, err := js.GetMsg(cfg.Stream, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(cfg.Stream); err != nil {
		t.Fatal(err)
	}
	if _, err := js.AddStream(&info.Config); err != nil && !strings.Contains(err.Error(), "in use") { // the node may be faster
		t.Fatal(err)
	}
	for range 11 {
		if _, err := js.Publish(first.Subject, first.Data); err != nil {
			t.Fatal(err)
		}
	}
	reader.Until(t, "in band", isReset)
	one.PublishWhenBack(t, "a", "new 1")
	id := publish(t, one, "new 2")
	one.Read(t, nodetest.All(old)).Wants(t, "resumed", "reset: restarted", "new 1", "new 2")
	if id == old {
		t.Errorf("the ID %s came twice", id)
	}
}

// An operator removes a message: subscribers get a reset, and the others.
func TestMessageRemoved(t *testing.T) {
	t.Parallel()
	cfg := named(quick())
	cfg.CacheBytes = -1
	_, js := admin(t, shared.URL())
	one := node(t, shared.URL(), cfg)
	reader := one.Read(t, nodetest.All(""))
	publish(t, one, numbers("event", 1, 10)...)
	reader.Wants(t, "before", numbers("event", 1, 10)...)
	if err := js.DeleteMsg(cfg.Stream, 1+5); err != nil { // the first begins the epoch
		t.Fatal(err)
	}
	rest := append(numbers("event", 1, 4), numbers("event", 6, 10)...)
	one.Read(t, nodetest.All("")).Until(t, "the others", func(data []string) bool {
		return len(data) >= len(rest) && slices.Equal(data[len(data)-len(rest):], rest)
	})
}

// What another program puts into the stream is no event, and harms none.
func TestStrangeMessages(t *testing.T) {
	t.Parallel()
	cfg := named(quick())
	conn, js := admin(t, shared.URL())
	one, two := node(t, shared.URL(), cfg), node(t, shared.URL(), cfg)
	reader := two.Read(t, nodetest.All(""))
	publish(t, one, "1")
	for _, data := range []string{"", "x", strings.Repeat("\x01", 40), strings.Repeat("\xff", 1000), "{}"} {
		for _, subject := range []string{".log.event.x", ".log.once.x.y", ".log.other", ".state.gone.x", ".state.forgot", ".state.claim", ".state.x"} {
			if _, err := js.Publish(cfg.Prefix+subject, []byte(data)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	publish(t, one, "2")
	reader.Wants(t, "live", "1", "2")
	node(t, shared.URL(), cfg).Read(t, nodetest.All("")).Wants(t, "from the start", "1", "2")
}
