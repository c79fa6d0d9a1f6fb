package natsstore_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/natsstore"
)

// proxy returns a proxy before the shared server, and its URL.
func proxy(tb testing.TB) (p *nodetest.Proxy, url string) {
	tb.Helper()
	p = nodetest.NewProxy(tb, strings.TrimPrefix(shared.URL(), "nats://"))
	return p, "nats://" + p.Addr()
}

// A connection that goes silent without being closed, as through a firewall that
// forgets it, or in a partition, is noticed, and made anew.
func TestSilentConnection(t *testing.T) {
	t.Parallel()
	cfg := named(natsstore.Config{Poll: 200 * time.Millisecond, Timeout: 2 * time.Second})
	two := node(t, shared.URL(), cfg)
	p, url := proxy(t)
	one := node(t, url, cfg)
	r := one.Read(t, nodetest.All(""))
	publish(t, two, "1")
	r.Wants(t, "before", "1")
	p.Freeze()
	publish(t, two, "2")
	r.Wants(t, "after", "1", "2")
	one.PublishWhenBack(t, "a", "3")
	r.Wants(t, "after", "1", "2", "3")
}

// Connections are cut again and again while a node publishes: what it gets an
// answer for is published once, and in the end all is where it belongs. With a
// buffer, nothing is refused.
func TestCutConnections(t *testing.T) {
	t.Parallel()
	cfg := named(natsstore.Config{Poll: 200 * time.Millisecond, Buffer: 1 << 20})
	two := node(t, shared.URL(), cfg)
	r := two.Read(t, nodetest.All(""))
	p, url := proxy(t)
	one := node(t, url, cfg)
	ctx, stop := context.WithCancel(t.Context())
	cut := make(chan struct{})
	go func() {
		defer close(cut)
		for nodetest.Pause(ctx, 0.2) {
			p.Cut()
		}
	}()
	const events = 100
	want := numbers("event", 1, events)
	for _, data := range want {
		one.MustPublish(t, "a", data)
		nodetest.Pause(ctx, 0.01)
	}
	stop()
	<-cut
	r.Wants(t, "elsewhere", want...)
	one.Read(t, nodetest.All("")).Wants(t, "here", want...)
}

// A store on a connection of the app's leaves it open.
func TestConnectionOfTheApp(t *testing.T) {
	t.Parallel()
	conn, _ := admin(t, shared.URL())
	cfg := named(natsstore.Config{})
	store, err := natsstore.New(t.Context(), conn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	one := nodetest.New(t, store)
	publish(t, one, "1")
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if !conn.IsConnected() {
		t.Error("the connection of the app was closed with the store")
	}
	node(t, shared.URL(), cfg).Read(t, nodetest.All("")).Wants(t, "on another connection", "1")
}

// No error shows what is in the URL but its host.
func TestNoPasswordInErrors(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"nats://app:secret@127.0.0.1:1", "nats://app:sec ret@host:x", "nats://app:secret@[", "secret://app:secret@127.0.0.1:1:1"} {
		_, err := natsstore.Open(t.Context(), url, natsstore.Config{Timeout: time.Second})
		if err == nil || strings.Contains(err.Error(), "sec") {
			t.Errorf("Open %q: got error %v, want one without the password", url, err)
		}
	}
}

// A stream that would lose events by itself is refused, as are names that are none.
func TestUnfitStream(t *testing.T) {
	t.Parallel()
	_, js := admin(t, shared.URL())
	cfg := named(natsstore.Config{NoCreate: true})
	if _, err := natsstore.Open(t.Context(), shared.URL(), cfg); err == nil || !strings.Contains(err.Error(), "no stream") {
		t.Errorf("Open without streams: got error %v, want that there is none", err)
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: cfg.Stream, Subjects: []string{cfg.Prefix + ".log.>"}, MaxAge: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if _, err := natsstore.Open(t.Context(), shared.URL(), cfg); err == nil || !strings.Contains(err.Error(), "other rules") {
		t.Errorf("Open of a stream with max_age: got error %v, want that it would not do", err)
	}
	for _, cfg := range []natsstore.Config{{Stream: "a.b"}, {Stream: "a b"}, {Prefix: "a.*"}, {Prefix: "a..b"}, {Prefix: "a."}, {Domain: "a.b"}} {
		if _, err := natsstore.Open(t.Context(), shared.URL(), cfg); err == nil {
			t.Errorf("Open with %+v: got no error, want one", cfg)
		}
	}
	cfg = named(natsstore.Config{})
	if err := natsstore.Create(t.Context(), shared.URL(), cfg); err != nil {
		t.Fatal(err)
	}
	cfg.NoCreate = true
	publish(t, node(t, shared.URL(), cfg), "1")
}

// An event that the server would not take is refused, and the next one is not.
func TestLargeEvent(t *testing.T) {
	t.Parallel()
	cfg := named(natsstore.Config{})
	one := node(t, shared.URL(), cfg)
	store := open(t, shared.URL(), cfg)
	body := []byte("data: " + strings.Repeat("x", 3<<20) + "\n")
	if _, err := store.Append(t.Context(), []history.Record{{Channel: "a", Body: body}}); !errors.Is(err, history.ErrTooLarge) {
		t.Errorf("Append of 3 MiB: got error %v, want ErrTooLarge", err)
	}
	r := one.Read(t, nodetest.All(""))
	publish(t, one, "1")
	r.Wants(t, "after", "1")
}

// A batch is stored as a whole or not at all, also while other callers publish.
func TestBatches(t *testing.T) {
	t.Parallel()
	cfg := named(natsstore.Config{})
	one, two := node(t, shared.URL(), cfg), node(t, shared.URL(), cfg)
	r := two.Read(t, nodetest.All(""))
	const callers, rounds, size = 40, 3, 20
	done := make(chan error, callers)
	for range callers {
		go func() {
			for range rounds {
				batch := make([]core.Publication, size)
				for i := range batch {
					batch[i] = core.Publication{Channel: "a", Event: core.Event{Data: numbers("part", i+1, i+1)[0]}}
				}
				if _, err := one.PublishBatch(t.Context(), batch...); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range callers {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	got := r.Until(t, "batches", func(data []string) bool { return len(data) == callers*rounds*size })
	for some := range slices.Chunk(got, size) {
		if want := numbers("part", 1, size); !slices.Equal(some, want) {
			t.Fatalf("got %q, want %q", some, want)
		}
	}
}
