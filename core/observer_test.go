//nolint:thelper // servedCounts is a test: a failure is at a line of its own.
package core_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

func ExampleHub_Observe() {
	hub := core.NewHub(core.HubConfig{})
	stop := hub.Observe(core.Observer{
		Stored: func(op string, took time.Duration, err error) { fmt.Println(op, took >= 0, err) },
	})
	_, _ = hub.Publish(context.Background(), "news", core.Event{Data: "hello"})
	stop()
	_, _ = hub.Publish(context.Background(), "news", core.Event{Data: "again"})
	// Output: append true <nil>
}

// servedCounts replays history, and resumes after an unknown ID.
func servedCounts(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{RingEvents: 1})
	f.Get("/", f.Gate(core.GateConfig{Start: core.Earliest()}).Subscribe("a"))
	f.Start(t)
	var reads atomic.Int64
	defer f.Hub.Observe(core.Observer{Stored: func(op string, _ time.Duration, err error) {
		if op == "read" && err == nil {
			reads.Add(1)
		}
	}})()
	f.Publish(t, "a", core.Event{Data: "1"}, core.Event{Data: "2"})
	f.End(t, "a")
	if got, want := f.Client(t).Open(t, "/").Events(t), []string{"1", "2"}; !slices.Equal(got, want) {
		t.Errorf("events: got %q, want %q", got, want)
	}
	r := f.Client(t).Open(t, "/", "Last-Event-ID", "unknown")
	r.Prelude(t)
	r.MustBlock(t)
	r.WantData(t, "1")
	f.Publish(t, "a", core.Event{Data: "live"})
	r.WantData(t, "2")
	ssetest.Eventually(t, "events delivered", 8, func() int { return int(f.Hub.Stats().Delivered) })
	got := f.Hub.Stats()
	if got.Replayed < 6 || got.Replayed > 7 || got.Resets[core.GapUnknown] != 1 || got.Published != 4 || reads.Load() < 2 {
		t.Errorf("counts: got %+v and %d reads, want 6 events replayed, and one reset", got, reads.Load())
	}
	if lag := f.Hub.Lag(); lag != (core.Lag{}) {
		t.Errorf("lag: got %+v, want none", lag)
	}
}

// An observer sees what becomes of publications, and chooses the context that
// the store gets. Its panics end nothing.
func TestObserverOfPublish(t *testing.T) {
	t.Parallel()
	type key struct{}
	log := &ssetest.Log{}
	hub := openHub(t, core.HubConfig{Logger: slog.New(slog.NewTextHandler(log, nil))})
	var outcomes []string
	publish := func(name, trace string) func(context.Context, []core.Publication) core.Publishing {
		return func(ctx context.Context, batch []core.Publication) core.Publishing {
			outer, _ := ctx.Value(key{}).(string)
			return core.Publishing{
				Context: context.WithValue(ctx, key{}, outer+name), Trace: trace,
				Done: func(ids []string, err error) {
					outcomes = append(outcomes, fmt.Sprint(name, outer, len(batch), len(ids), err))
				},
			}
		}
	}
	stopA := hub.Observe(core.Observer{Publish: publish("a", strings.Repeat("x", core.MaxTraceBytes+1))})
	stopB := hub.Observe(core.Observer{Publish: publish("b", "")})
	hub.Observe(core.Observer{Stored: func(string, time.Duration, error) { panic("boom") }})
	if _, err := hub.Publish(t.Context(), "c", core.Event{Data: "1"}); err != nil {
		t.Fatal(err)
	}
	stopB()
	stopB()
	if _, err := hub.PublishBatch(t.Context(), core.Publication{Channel: "c"}, core.Publication{Channel: "d"}); err != nil {
		t.Fatal(err)
	}
	_, err := hub.Publish(t.Context(), "", core.Event{Data: "1"})
	if !errors.Is(err, core.ErrChannelName) {
		t.Errorf("error: got %v, want ErrChannelName", err)
	}
	stopA()
	if _, err = hub.Publish(t.Context(), "c", core.Event{Data: "1"}); err != nil {
		t.Fatal(err)
	}
	want := []string{"ba1 1 <nil>", "a1 1 <nil>", "a2 2 <nil>", "a1 0 " + core.ErrChannelName.Error() + ": empty"}
	if !slices.Equal(outcomes, want) {
		t.Errorf("outcomes: got %q, want %q", outcomes, want)
	}
	if !log.Has("panic in observer", "boom") {
		t.Error("log: got no panic of the observer")
	}
}

// A trace is kept with the entry, by the store that is the default.
func TestTraceOfEntries(t *testing.T) {
	t.Parallel()
	store := core.NewMemoryStore(core.Retention{})
	hub := openHub(t, core.HubConfig{Store: store})
	defer hub.Observe(core.Observer{Publish: func(context.Context, []core.Publication) core.Publishing {
		return core.Publishing{Trace: "00-1"}
	}})()
	publish(t, hub, "a", "1")
	page, err := store.Read(t.Context(), core.Query{Channels: []string{"a"}, Oldest: true, MaxEvents: 1, MaxBytes: 1})
	if err != nil || len(page.Entries) != 1 {
		t.Fatalf("got %v, %v, want the event", page, err)
	}
	e := page.Entries[0]
	if e.Trace() != "00-1" || e.Record().Trace != "00-1" {
		t.Errorf("trace: got %q and %q, want it in both", e.Trace(), e.Record().Trace)
	}
}

func TestEndReason(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	refusal := func(status int, err error) error { return fmt.Errorf("a: %w", &core.Refusal{Status: status, Err: err}) }
	for _, test := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{boom, "error"},
		{context.Canceled, "error"},
		{core.ErrClosed, "closed"},
		{fmt.Errorf("%w: %w", core.ErrClosed, boom), "closed"},
		{core.ErrClientGone, "client_gone"},
		{core.ErrWriteTimeout, "write_timeout"},
		{core.ErrSlow, "slow"},
		{core.ErrDraining, "draining"},
		{core.ErrExpired, "expired"},
		{core.ErrLifetime, "lifetime"},
		{core.ErrHubClosed, "hub_closed"},
		{core.ErrPanic, "panic"},
		{core.ErrChanged, "changed"},
		{fmt.Errorf("%w: %w", core.ErrStore, boom), "store"},
		{core.Finished(), "finished"},
		{refusal(http.StatusFound, nil), "redirect"},
		{refusal(400, nil), "bad_request"},
		{refusal(401, boom), "unauthorized"},
		{refusal(403, nil), "forbidden"},
		{refusal(404, core.ErrChannelGone), "not_found"},
		{refusal(406, nil), "not_acceptable"},
		{refusal(408, nil), "body_timeout"},
		{refusal(413, nil), "too_large"},
		{refusal(418, nil), "client_error"},
		{refusal(429, nil), "rate_limited"},
		{refusal(500, boom), "error"},
		{refusal(501, nil), "not_implemented"},
		{refusal(503, core.ErrTooManyChannels), "unavailable"},
		{refusal(503, core.ErrDraining), "draining"},
		{refusal(500, core.ErrPanic), "panic"},
		{refusal(503, core.ErrStore), "store"},
		{refusal(999, nil), "error"},
		{(*core.Refusal)(nil), "error"},
	} {
		if got := core.EndReason(test.err); got != test.want {
			t.Errorf("%v: got %q, want %q", test.err, got, test.want)
		}
	}
}
