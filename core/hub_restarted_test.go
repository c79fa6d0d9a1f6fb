package core_test

import (
	"errors"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
)

// epochStore is a store whose epochs the test changes, and which can be away.
type epochStore struct {
	*core.MemoryStore

	sink core.Sink
	away error
}

func (s *epochStore) Attach(sink core.Sink) (core.Position, error) {
	s.sink = sink
	return s.MemoryStore.Attach(sink)
}

func (s *epochStore) Health() error { return s.away }

// A store that goes on in another epoch, with or without a loss. Subscribers are
// told of a loss at once, and of nothing else.
func TestRestarted(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			store := &epochStore{MemoryStore: core.NewMemoryStore(core.Retention{})}
			hub := openHub(t, core.HubConfig{Store: store})
			one := consume(t, hub, core.Subscription{Channels: []string{"a"}})
			both := consume(t, hub, core.Subscription{Channels: []string{"a", "b"}})
			synctest.Wait()
			publish(t, hub, "a", "1")
			one.wants(t, "before", "1")
			both.wants(t, "before", "1")

			sink, ok := store.sink.(history.EpochSink)
			if !ok {
				t.Fatal("the hub is no EpochSink")
			}
			at := core.Position{Epoch: history.NewEpoch(), Seq: history.EpochStart(1, time.Now())}
			sink.Restarted(at, lost)
			want := []string{"1"}
			if lost {
				n := strconv.FormatUint(at.Seq, 10)
				want = append(want, "gap: restarted, "+n+" to "+n)
			}
			one.wants(t, "in another epoch", want...)
			both.wants(t, "in another epoch", want...)
			next := history.Record{Channel: "a", Body: []byte("data: 2\n")}.At(core.Position{Epoch: at.Epoch, Seq: at.Seq + 1}, time.Now())
			store.sink.Deliver([]*core.Entry{next})
			one.wants(t, "after", append(want, "2")...)
			both.wants(t, "after", append(want, "2")...)
		})
	}
}

// Health names what keeps a hub from its work.
func TestHealth(t *testing.T) {
	t.Parallel()
	store := &epochStore{MemoryStore: core.NewMemoryStore(core.Retention{})}
	hub := core.NewHub(core.HubConfig{Store: store})
	if err := hub.Health(); err != nil {
		t.Errorf("got %v, want none", err)
	}
	store.away = core.ErrUnavailable
	if err := hub.Health(); !errors.Is(err, core.ErrUnavailable) || !errors.Is(err, core.ErrStore) {
		t.Errorf("with a store that is away: got %v, want ErrUnavailable", err)
	}
	store.away = nil
	if err := hub.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := hub.Health(); !errors.Is(err, core.ErrDraining) {
		t.Errorf("after Drain: got %v, want ErrDraining", err)
	}
	if err := hub.Close(); err != nil {
		t.Fatal(err)
	}
	if err := hub.Health(); !errors.Is(err, core.ErrHubClosed) {
		t.Errorf("after Close: got %v, want ErrHubClosed", err)
	}
}

// A client whose connection a shard drives is told in band, and its stream goes
// on.
func TestRestartedServed(t *testing.T) {
	t.Parallel()
	store := &epochStore{MemoryStore: core.NewMemoryStore(core.Retention{})}
	hub := core.NewHub(core.HubConfig{Store: store})
	server := httptest.NewServer(core.Subscribe(hub, "a"))
	defer server.Close()
	defer func() { _ = hub.Close() }()
	next, leave := connectTo(server, "/")
	defer leave()
	publish(t, hub, "a", "1")
	if ev := next(); ev.Data != "1" {
		t.Fatalf("got %+v, want the event before", ev)
	}
	sink, _ := store.sink.(history.EpochSink)
	at := core.Position{Epoch: history.NewEpoch(), Seq: history.EpochStart(1, time.Now())}
	sink.Restarted(at, true)
	ev := next()
	if ev.Name != core.ResetEvent || !strings.Contains(ev.Data, `"restarted"`) || ev.ID != at.String() {
		t.Errorf("got %+v, want a reset at %v", ev, at)
	}
	sink.Deliver([]*core.Entry{history.Record{Channel: "a", Body: []byte("data: 2\n")}.At(core.Position{Epoch: at.Epoch, Seq: at.Seq + 1}, time.Now())})
	if ev = next(); ev.Data != "2" {
		t.Errorf("got %+v, want the event after", ev)
	}
}
