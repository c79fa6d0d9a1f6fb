package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/redisstore"
	"github.com/tidings-go/tidings/core/redisstore/internal/redistest"
)

// counts waits until a command returns at most a number.
func counts(t *testing.T, s *redistest.Server, most int64, command ...any) {
	t.Helper()
	limit := time.Now().Add(nodetest.Patience)
	for {
		n, err := s.Do(command...)
		must(t, err)
		if n, ok := n.(int64); ok && n <= most {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%v: got %d, want at most %d", command, n, most)
		}
		nodetest.Pause(t.Context(), 0.01)
	}
}

// What the retention does not keep is removed, also of channels to which nothing is
// published any more. What is kept, stays.
func TestRemoved(t *testing.T) {
	t.Parallel()
	s := server(t)
	n := newNode(t, s, redisstore.Config{
		Maintain: 20 * time.Millisecond, TailEvents: 16, TailBytes: 1 << 20,
		Retention: core.Retention{Events: 10, OnceKeys: 50, Channels: []history.ChannelRetention{{Pattern: "old *", Age: time.Millisecond}}},
	})
	n.MustPublish(t, "quiet", "kept")
	for _, channel := range nodetest.Numbers("old", 1, 50) {
		if _, err := n.Publish(t.Context(), channel, core.Event{ID: "mine", Key: "k", Data: "old"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, data := range nodetest.Numbers("event", 1, 500) {
		if _, err := n.Publish(t.Context(), "a", core.Event{ID: data, Key: data, Data: data}, core.Once(data)); err != nil {
			t.Fatal(err)
		}
	}
	counts(t, s, 16+10+1, "xlen", "{tidings}:events")
	counts(t, s, 16+10+1, "llen", "{tidings}:index:a")
	counts(t, s, 16+10+1, "hlen", "{tidings}:ids:a")
	counts(t, s, 16+10+1, "zcard", "{tidings}:subjects:a")
	counts(t, s, 50, "llen", "{tidings}:once")
	counts(t, s, 50, "hlen", "{tidings}:once:a")
	counts(t, s, 0, "exists", "{tidings}:index:old 1", "{tidings}:ids:old 1", "{tidings}:subjects:old 1")
	n.Read(t, nodetest.All("")).Wants(t, "kept", nodetest.Numbers("event", 491, 500)...)
	n.Read(t, core.Subscription{Channels: []string{"quiet"}, Start: core.Earliest()}).Wants(t, "kept", "kept")
}

// What all channels take together is bounded, in Redis, too, and soon when it grows
// fast.
func TestTotalBytes(t *testing.T) {
	t.Parallel()
	s := server(t)
	n := newNode(t, s, redisstore.Config{
		Maintain: time.Hour, TailBytes: 100_000,
		Retention: core.Retention{Events: -1, Bytes: -1, TotalBytes: 1_000_000},
	})
	for _, channel := range nodetest.Numbers("channel", 1, 400) {
		n.MustPublish(t, channel, strings.Repeat("x", 10_000))
	}
	counts(t, s, 130, "xlen", "{tidings}:events")
}

// A hub forgets many private channels: nothing of them is left.
func TestForgottenPrivate(t *testing.T) {
	t.Parallel()
	s := server(t)
	store := open(t, s, redisstore.Config{Retention: core.Retention{Events: -1}})
	channel := "~ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	records := make([]history.Record, 3000)
	for i := range records {
		records[i] = history.Record{Channel: channel, ID: "mine", Key: "k", Body: []byte("data: x\n")}
	}
	if _, err := store.Append(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	must(t, store.Forget(t.Context(), channel))
	counts(t, s, 0, "exists", "{tidings}:index:"+channel, "{tidings}:ids:"+channel, "{tidings}:subjects:"+channel)
	counts(t, s, 0, "hexists", "{tidings}:channels", channel)
	counts(t, s, 0, "xlen", "{tidings}:events")
}

// Of many channels without events, the newest are remembered one by one: whoever was
// up to date on them finds no gap. On the others, a gap is found, even where there is
// none.
func TestTombs(t *testing.T) {
	t.Parallel()
	s := server(t)
	store := open(t, s, redisstore.Config{TailEvents: 8, Maintain: 20 * time.Millisecond}.WithTombs(700))
	channels := nodetest.Numbers("channel", 1, 2000)
	records := make([]history.Record, len(channels))
	for i, name := range channels {
		records[i] = history.Record{Channel: name, Body: []byte("data: x\n")}
	}
	entries, err := store.Append(t.Context(), records)
	must(t, err)
	for _, name := range channels {
		must(t, store.Forget(t.Context(), name))
	}
	for range 20 { // the tail is past them
		_, err = store.Append(t.Context(), []history.Record{{Channel: "a", Body: []byte("data: x\n")}})
		must(t, err)
	}
	counts(t, s, 700+1, "hlen", "{tidings}:channels")
	counts(t, s, 700, "zcard", "{tidings}:tombs")
	for i, want := range map[int]bool{0: true, 1000: true, 1990: false} {
		_, err := store.Read(t.Context(), history.Query{Channels: channels[i : i+1], After: entries[i].Position})
		if gap := (*history.GapError)(nil); errors.As(err, &gap) != want {
			t.Errorf("channel %d, after its newest event: got error %v, want a gap: %v", i, err, want)
		}
	}
}

// Once the clock is set back, time goes on from there: events are not kept, and
// once keys not remembered, for longer by as much as it was ahead.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	s := server(t)
	const day = 24 * time.Hour
	store := open(t, s, redisstore.Config{Retention: core.Retention{Age: 400 * time.Millisecond, OnceWindow: 400 * time.Millisecond}})
	record := history.Record{Channel: "a", Once: "key", Body: []byte("data: x\n")}
	do(t, s, []any{"hset", "{tidings}:state", "offset", day.Microseconds()}) // as with a clock that is ahead
	first, err := store.Append(t.Context(), []history.Record{record})
	must(t, err)
	if ahead := time.Until(first[0].Time).Abs(); ahead > time.Hour {
		t.Errorf("time of an event: got %v, want about now", first[0].Time)
	}
	do(t, s, []any{"hset", "{tidings}:state", "offset", 0})
	ctx, cancel := context.WithTimeout(t.Context(), nodetest.Patience)
	defer cancel()
	for {
		again, failure := store.Append(ctx, []history.Record{record})
		must(t, failure)
		if again[0].Position != first[0].Position {
			break
		}
		nodetest.Pause(ctx, 0.01)
	}
	page, err := store.Read(ctx, history.Query{Channels: []string{"a"}, Oldest: true})
	if err != nil || len(page.Entries) != 1 {
		t.Errorf("kept: got %d events, error %v, want the new one", len(page.Entries), err)
	}
}
