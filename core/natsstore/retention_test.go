package natsstore_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/natsstore"
)

// messages waits until a stream holds so many messages.
func messages(t *testing.T, js nats.JetStreamContext, stream string, want func(n uint64) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), nodetest.Patience)
	defer cancel()
	for {
		info, err := js.StreamInfo(stream)
		if err != nil {
			t.Fatal(err)
		}
		if want(info.State.Msgs) {
			return
		}
		if !nodetest.Pause(ctx, 0.02) {
			t.Fatalf("stream %s: got %d messages", stream, info.State.Msgs)
		}
	}
}

// What is over a bound is removed from the stream, by one of the nodes, and a node
// that starts since knows what is gone.
func TestRemoved(t *testing.T) {
	t.Parallel()
	cfg := named(quick())
	cfg.Maintain = 50 * time.Millisecond
	cfg.Retention = history.Retention{Events: 5, OnceWindow: 200 * time.Millisecond, Channels: []history.ChannelRetention{{Pattern: "brief", Age: 100 * time.Millisecond}}}
	_, js := admin(t, shared.URL())
	one, two := node(t, shared.URL(), cfg), node(t, shared.URL(), cfg)
	ctx := t.Context()
	first := publish(t, one, "0")
	publish(t, two, numbers("a", 1, 100)...)
	for i := range 50 {
		for _, channel := range []string{"brief", "forgotten"} {
			if _, err := one.Publish(ctx, channel, core.Event{Data: "x"}, core.Once(fmt.Sprint("key ", i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := two.Forget(ctx, "forgotten"); err != nil {
		t.Fatal(err)
	}
	// The message that begins the epoch, and the events that are kept.
	messages(t, js, cfg.Stream, func(n uint64) bool { return n == 1+5 })
	three := node(t, shared.URL(), cfg)
	for _, n := range []nodetest.Node{one, two, three} {
		n.Read(t, nodetest.All("")).Wants(t, "what is kept", numbers("a", 96, 100)...)
		n.Read(t, nodetest.All(first)).Wants(t, "after what is gone", append([]string{"reset: trimmed"}, numbers("a", 96, 100)...)...)
	}
	for _, channel := range []string{"brief", "forgotten"} {
		r := three.Read(t, core.Subscription{Channels: []string{channel}, After: first, Start: core.Earliest()})
		r.Wants(t, channel, "reset: trimmed")
	}
}

// Private channels leave nothing behind.
func TestPrivateChannelsRemoved(t *testing.T) {
	t.Parallel()
	cfg := named(quick())
	cfg.Maintain = 50 * time.Millisecond
	_, js := admin(t, shared.URL())
	store := open(t, shared.URL(), cfg)
	for range 20 {
		name := history.PrivateMark + rand.Text()
		if _, err := store.Append(t.Context(), []history.Record{{Channel: name, Body: []byte("data: x\n")}}); err != nil {
			t.Fatal(err)
		}
		if err := store.Forget(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	messages(t, js, cfg.Stream, func(n uint64) bool { return n == 1 })
	messages(t, js, cfg.Stream+"_STATE", func(n uint64) bool { return n <= 3 }) // where it belongs, who removes, and what is forgotten
}

// An event that is not in memory any more comes from the stream.
func TestCacheBound(t *testing.T) {
	t.Parallel()
	cfg := named(natsstore.Config{CacheBytes: 20_000})
	one := node(t, shared.URL(), cfg)
	want := numbers("event", 1, 500)
	publish(t, one, want...)
	r := node(t, shared.URL(), cfg).Read(t, nodetest.All(""))
	r.Wants(t, "from the start", want...)
	one.Read(t, nodetest.All(r.IDs()[99])).Wants(t, "resumed", want[100:]...)
}
