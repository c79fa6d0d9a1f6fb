package cluster_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/cluster"
	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// machine is a machine of an app. It serves /events?channel=…&user=….
type machine struct {
	*cluster.Node

	hub    *core.Hub
	server *httptest.Server
}

// start starts a machine. They share a store in memory, as several hubs in one
// process may.
func start(t *testing.T, store history.Store, name string) *machine {
	t.Helper()
	return startWith(t, store, cluster.Config{Name: name, Timeout: ssetest.Patience})
}

func startWith(t *testing.T, store history.Store, cfg cluster.Config) *machine {
	t.Helper()
	cfg.Interval = 20 * time.Millisecond
	m := &machine{hub: core.NewHub(core.HubConfig{Store: store})}
	var err error
	if m.Node, err = cluster.Join(t.Context(), m.hub, store, cfg); err != nil {
		t.Fatal(err)
	}
	gate := core.NewGate(m.hub, core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
		h.SetIdentity(h.Request().URL.Query().Get("user"))
		return nil
	}}})
	m.server = httptest.NewServer(gate.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: h.Request().URL.Query()["channel"]}, nil
	}))
	t.Cleanup(func() {
		if err := m.Close(); err != nil && !errors.Is(err, core.ErrHubClosed) {
			t.Errorf("Close: %v", err)
		}
		_ = m.hub.Close()
		m.server.Close()
	})
	return m
}

// client is a client's stream.
type client struct {
	status int
	ended  <-chan struct{}
	leave  context.CancelFunc
}

// connect opens a stream.
func (m *machine) connect(t *testing.T, query string) client {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, m.server.URL+"/events?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := m.server.Client().Do(r) //nolint:bodyclose // It is closed below, in a goroutine.
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() { _ = answer.Body.Close() }()
		for s := bufio.NewScanner(answer.Body); s.Scan(); {
		}
	}()
	return client{answer.StatusCode, ended, cancel}
}

// until waits until a condition holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ssetest.Eventually(t, what, 1, func() int {
		if holds() {
			return 1
		}
		return 0
	})
}

// Every node counts the streams of all. One that has left does not count any
// more, and a later one learns of all.
func TestCount(t *testing.T) {
	t.Parallel()
	store := core.NewMemoryStore(core.Retention{})
	a, b := start(t, store, "a"), start(t, store, "b")
	var clients []client
	for i := range 5 {
		clients = append(clients, []*machine{a, b}[i%2].connect(t, "channel=room&channel=only+"+strconv.Itoa(i)))
	}
	for _, m := range []*machine{a, b} {
		until(t, "5 streams", func() bool { return m.Count("room") == 5 && m.Count("only 1") == 1 })
	}
	clients[0].leave()
	clients[1].leave()
	c := start(t, store, "c")
	for _, m := range []*machine{a, b, c} {
		until(t, "3 streams", func() bool { return m.Count("room") == 3 && m.Count("only 1") == 0 && m.Count("only 2") == 1 })
		var names []string
		total := 0
		for _, p := range m.Peers() {
			names = append(names, p.Name)
			total += p.Streams
		}
		if !slices.Equal(names, []string{"a", "b", "c"}) || total != 3 {
			t.Errorf("Peers: got %q with %d streams, want a, b and c with 3", names, total)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*machine{a, c} {
		until(t, "2 streams", func() bool { return m.Count("room") == 2 && len(m.Peers()) == 2 })
	}
}

// silent keeps what some nodes say from the others, as if they were dead.
type silent struct {
	history.Store

	off atomic.Bool
}

func (s *silent) Append(ctx context.Context, records []history.Record) ([]*history.Entry, error) {
	if s.off.Load() {
		return nil, history.ErrUnavailable
	}
	return s.Store.Append(ctx, records)
}

// A node that is dead is forgotten without a word, and known again if it was
// only away.
func TestSilentNode(t *testing.T) {
	t.Parallel()
	memory := core.NewMemoryStore(core.Retention{})
	store := &silent{Store: memory}
	a, b := startWith(t, memory, cluster.Config{}), start(t, store, "b")
	b.connect(t, "channel=room")
	until(t, "counted", func() bool { return a.Count("room") == 1 })
	store.off.Store(true)
	until(t, "forgotten", func() bool { return a.Count("room") == 0 && len(a.Peers()) == 1 })
	if err := b.CloseChannel(t.Context(), "room", "bye"); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("CloseChannel: got %v, want ErrUnavailable", err)
	}
	store.off.Store(false)
	until(t, "counted again", func() bool { return a.Count("room") == 1 && len(a.Peers()) == 2 })
}

// Streams are closed on all nodes, by ID, identity and channel, with the reason.
func TestClose(t *testing.T) {
	t.Parallel()
	store := core.NewMemoryStore(core.Retention{})
	a, b := start(t, store, "a"), start(t, store, "b")
	kept := b.connect(t, "channel=other&user=eve")
	byID, byName, byChannel := b.connect(t, "channel=one"), b.connect(t, "channel=two&user=bob"), b.connect(t, "channel=three")
	own := a.connect(t, "channel=four&user=bob")
	id := b.hub.Streams("one")[0].ID()
	reasons := make(chan error, 8)
	for _, m := range []*machine{a, b} {
		m.hub.Observe(core.Observer{Closed: func(_ *core.Stream, sum core.Summary) { reasons <- sum.Reason }})
	}
	for _, call := range []func() error{
		func() error { return a.CloseStream(t.Context(), id, "enough") },
		func() error { return a.CloseStream(t.Context(), "unknown", "enough") },
		func() error { return a.CloseIdentity(t.Context(), "bob", "enough") },
		func() error { return a.CloseChannel(t.Context(), "three", "enough") },
	} {
		if err := call(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []client{byID, byName, byChannel, own} {
		ssetest.Receive(t, c.ended, "end of a closed stream")
		if reason := ssetest.Receive(t, reasons, "reason"); !errors.Is(reason, core.ErrClosed) || reason.Error() != "tidings: stream closed: enough" {
			t.Errorf("reason: got %v, want enough", reason)
		}
	}
	select {
	case <-kept.ended:
		t.Error("a stream ended that was not closed")
	default:
	}
}

// A revocation holds on all nodes, on those that start later, and until it is
// over or restored; the newest message about an identity counts everywhere.
func TestRevoke(t *testing.T) {
	t.Parallel()
	store := core.NewMemoryStore(core.Retention{})
	a, b := start(t, store, "a"), start(t, store, "b")
	open := b.connect(t, "channel=x&user=bob")
	if open.status != http.StatusOK {
		t.Fatalf("before: got status %d", open.status)
	}
	if err := a.Revoke(t.Context(), "bob", time.Time{}); err != nil {
		t.Fatal(err)
	}
	ssetest.Receive(t, open.ended, "end of a revoked stream")
	if err := a.Revoke(t.Context(), "eve", time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	c := start(t, store, "c")
	status := func(m *machine, user string) int { return m.connect(t, "channel=x&user="+user).status }
	for _, m := range []*machine{a, b, c} {
		if got := status(m, "bob"); got != http.StatusForbidden {
			t.Errorf("revoked: got status %d, want 403", got)
		}
		until(t, "over", func() bool { return status(m, "eve") == http.StatusOK })
	}
	if err := c.Restore(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*machine{a, b, c, start(t, store, "d")} {
		until(t, "restored", func() bool { return status(m, "bob") == http.StatusOK })
	}
	for _, name := range []string{"", "a\nb"} {
		if err := a.Revoke(t.Context(), name, time.Time{}); !errors.Is(err, core.ErrAudience) {
			t.Errorf("Revoke %q: got %v, want ErrAudience", name, err)
		}
	}
}

// What the store has dropped, one of the nodes says again, so that a node that
// starts later knows.
func TestRevocationsOutliveTheStore(t *testing.T) {
	t.Parallel()
	store := core.NewMemoryStore(core.Retention{})
	a, b := start(t, store, "a"), start(t, store, "b")
	if err := a.Revoke(t.Context(), "bob", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	until(t, "revoked", func() bool { return b.connect(t, "channel=x&user=bob").status == http.StatusForbidden })
	if err := store.Forget(t.Context(), history.ControlRevoked); err != nil {
		t.Fatal(err)
	}
	until(t, "said again", func() bool {
		page, err := store.Read(t.Context(), history.Query{Channels: []string{history.ControlRevoked}, Oldest: true})
		return err == nil && len(page.Entries) == 1
	})
	c := start(t, store, "c")
	if got := c.connect(t, "channel=x&user=bob").status; got != http.StatusForbidden {
		t.Errorf("after the store forgot: got status %d, want 403", got)
	}
}

// forgetful is a store whose sinks can be told that it has lost entries.
type forgetful struct {
	history.Store

	sinks []history.Sink
}

func (s *forgetful) Attach(sink history.Sink) (history.Position, error) {
	s.sinks = append(s.sinks, sink)
	return s.Store.Attach(sink)
}

// After the storage has lost entries, the nodes say again what is revoked.
func TestRevocationsOutliveALoss(t *testing.T) {
	t.Parallel()
	store := &forgetful{Store: core.NewMemoryStore(core.Retention{})}
	a, b := start(t, store, "a"), start(t, store, "b")
	if err := a.Revoke(t.Context(), "bob", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	until(t, "revoked", func() bool { return b.connect(t, "channel=x&user=bob").status == http.StatusForbidden })
	for _, sink := range store.sinks {
		if k, ok := sink.(history.EpochSink); ok {
			_, newest, err := store.Bounds(t.Context(), []string{history.ControlRevoked})
			if err != nil {
				t.Fatal(err)
			}
			k.Restarted(newest, true)
		}
	}
	until(t, "said again, once", func() bool {
		page, err := store.Read(t.Context(), history.Query{Channels: []string{history.ControlRevoked}, Oldest: true})
		return err == nil && len(page.Entries) == 2
	})
}

// Streams are found on all nodes.
func TestStreamsOf(t *testing.T) {
	t.Parallel()
	store := core.NewMemoryStore(core.Retention{})
	a, b := start(t, store, "a"), start(t, store, "b")
	until(t, "met", func() bool { return len(a.Peers()) == 2 })
	a.connect(t, "channel=one&user=bob")
	b.connect(t, "channel=two&user=bob")
	b.connect(t, "channel=two&user=eve")
	for what, test := range map[string]struct {
		ask  func() ([]cluster.Stream, error)
		want string
	}{
		"identity": {func() ([]cluster.Stream, error) { return a.StreamsOf(t.Context(), "bob") }, "[a bob [one] b bob [two]]"},
		"channel":  {func() ([]cluster.Stream, error) { return a.StreamsOn(t.Context(), "two") }, "[b bob [two] b eve [two]]"},
		"nobody":   {func() ([]cluster.Stream, error) { return a.StreamsOf(t.Context(), "joe") }, "[]"},
	} {
		streams, err := test.ask()
		got := []string{}
		for _, s := range streams {
			got = append(got, fmt.Sprint(s.NodeName, " ", s.Identity, " ", s.Channels))
		}
		if err != nil || fmt.Sprint(got) != test.want {
			t.Errorf("%s: got %q, error %v, want %s", what, got, err, test.want)
		}
	}
	// A node that has too many says so.
	for range 1000 {
		b.connect(t, "channel=many")
	}
	if streams, err := a.StreamsOn(t.Context(), "many"); !errors.Is(err, cluster.ErrIncomplete) || len(streams) < 100 {
		t.Errorf("too many: got %d, error %v, want some and ErrIncomplete", len(streams), err)
	}
}

// Of many that redeem a ticket on all nodes at once, one does.
func TestSpend(t *testing.T) {
	t.Parallel()
	store := core.NewMemoryStore(core.Retention{})
	nodes := []*machine{start(t, store, "a"), start(t, store, "b")}
	var first atomic.Int64
	var busy sync.WaitGroup
	for i := range 100 {
		busy.Go(func() {
			ok, err := nodes[i%2].Spend(t.Context(), "ticket", time.Now())
			if err != nil {
				t.Error(err)
			}
			if ok {
				first.Add(1)
			}
		})
	}
	busy.Wait()
	if first.Load() != 1 {
		t.Errorf("redeemed: got %d times, want once", first.Load())
	}
	if ok, err := nodes[0].Spend(t.Context(), "other", time.Now()); !ok || err != nil {
		t.Errorf("another ticket: got %v, %v", ok, err)
	}
}

// No client, and no publisher, gets at a control channel.
func TestControlChannels(t *testing.T) {
	t.Parallel()
	store := core.NewMemoryStore(core.Retention{})
	a := start(t, store, "a")
	for _, name := range []string{history.ControlNodes, history.ControlRevoked, history.ControlTickets, history.ControlMark + "x"} {
		if got := a.connect(t, "channel="+name).status; got == http.StatusOK {
			t.Errorf("subscribed to %q", name)
		}
		if _, err := a.hub.Publish(t.Context(), name, core.Event{Data: "x"}); !errors.Is(err, core.ErrChannelName) {
			t.Errorf("Publish to %q: got %v, want ErrChannelName", name, err)
		}
		if _, err := a.hub.PublishBatch(t.Context(), core.Publication{Channel: name}); !errors.Is(err, core.ErrChannelName) {
			t.Errorf("PublishBatch to %q: got %v, want ErrChannelName", name, err)
		}
		if _, err := a.hub.Record(name, core.Event{Data: "x"}); !errors.Is(err, core.ErrChannelName) {
			t.Errorf("Record for %q: got %v, want ErrChannelName", name, err)
		}
	}
	if got := a.hub.Channels(); len(got) != 0 {
		t.Errorf("Channels: got %v, want none", got)
	}
}
