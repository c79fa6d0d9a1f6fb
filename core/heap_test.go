//go:build linux && !race

//nolint:thelper,paralleltest // These are tests that look at the heap: a failure is at a line of theirs.
package core_test

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// silentStore is a store that does not report what it trims, which is optional.
type silentStore struct{ *core.MemoryStore }

func (u silentStore) Attach(sink core.Sink) (core.Position, error) {
	return u.MemoryStore.Attach(silentSink{sink})
}

type silentSink struct{ core.Sink }

func (silentSink) Trimmed(string, uint64) {}

// 10,000 channels with one event each take no more memory than the bounds of
// the hub and its store, and channels that are not used again are removed.
func TestHeapOfManyChannels(t *testing.T) {
	const channels, size, caps = 10_000, 1500, 3 * mib
	fill := func(t *testing.T, rings, history int) (grown int64) {
		hub := openHub(t, core.HubConfig{TotalRingBytes: rings, Store: silentStore{core.NewMemoryStore(core.Retention{TotalBytes: history})}})
		data := strings.Repeat("x", size)
		before := ssetest.HeapInUse()
		for i := range channels {
			ev := core.Event{Data: data, ID: fmt.Sprint("row ", i), Key: fmt.Sprint("key ", i)}
			if _, err := hub.Publish(t.Context(), fmt.Sprint("channel ", i), ev); err != nil {
				t.Fatalf("Publish: %v", err)
			}
		}
		grown = ssetest.HeapInUse() - before
		t.Logf("%d channels in the hub, heap grew by %d KiB", hub.Stats().Channels, grown>>10)
		return grown
	}
	// The hub and the store share entries, unless they evict different ones.
	const bound = 2*caps + 1*mib
	t.Run("within the caps", func(t *testing.T) {
		if got := fill(t, caps, caps); got > bound {
			t.Errorf("got %d bytes more in use, want %d at most", got, bound)
		}
	})
	for name, c := range map[string][2]int{"rings": {1 << 30, caps}, "history": {caps, -1}} {
		t.Run("without the cap of "+name, func(t *testing.T) {
			if got := fill(t, c[0], c[1]); got < 2*bound {
				t.Errorf("got %d bytes more in use only: what holds them within %d?", got, bound)
			}
		})
	}
}

// stalledClients is the number of clients that read nothing in the tests below.
const stalledClients = 1000

// stallAll opens stalledClients streams of which the client reads only the
// head. It opens them in groups, and calls between after each group, so that
// the groups stall at different events.
func stallAll(t *testing.T, f *fixture, group int, between func()) {
	conns := make([]net.Conn, stalledClients)
	t.Cleanup(func() {
		for _, conn := range conns {
			if conn != nil {
				_ = conn.Close()
			}
		}
	})
	for i := range conns {
		c, err := f.dial("/", "", 4<<10)
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		conns[i] = c.Conn // its buffers are not what is measured
		ssetest.Receive(t, f.Opened, "stream")
		if i%group == group-1 {
			between()
		}
	}
	if got := f.Hub.Stats().Streams; got != stalledClients {
		t.Fatalf("streams: got %d, want %d", got, stalledClients)
	}
}

// kinds are the kinds of connections, and about what one costs beside what is
// held for it to be sent.
var kinds = map[string]struct {
	mode core.ConnMode
	cost int64
}{
	"owned":    {core.OwnedConn, 3 << 10},
	"response": {core.ResponseConn, 20 << 10},
}

// The memory of a busy channel with 1,000 subscribers that read nothing is its
// ring, its history and the bound of one subscriber for each of them.
func TestHeapOfStalledSubscribers(t *testing.T) {
	const event, page = 1 << 10, 8 << 10
	data := strings.Repeat("x", event)
	skip := []core.ChannelConfig{{Pattern: "*", Slow: core.Skip}} // no stream is evicted
	flood := func(t *testing.T, mode core.ConnMode, cfg core.HubConfig) (grown int64) {
		hub := openHub(t, cfg)
		f := openFixture(t, hub, core.GateConfig{Heartbeat: -1, WriteTimeout: -1, Conn: mode},
			map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a")})
		some := func(n int) {
			for range n {
				publish(t, hub, "a", data)
			}
		}
		some(1)
		before := ssetest.HeapInUse()
		stallAll(t, f, 20, func() { some(150) })
		some(45_000)
		grown = ssetest.HeapInUse() - before
		t.Logf("%d streams, heap grew by %d KiB", hub.Stats().Streams, grown>>10)
		if err := hub.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		return grown
	}
	for name, kind := range kinds {
		const ring, history = 512 << 10, 1 * mib
		bound := ring + history + stalledClients*(page+event+kind.cost) + 1*mib
		t.Run(name, func(t *testing.T) {
			cfg := core.HubConfig{
				RingBytes: ring, PageBytes: page, Channels: skip,
				Store: core.NewMemoryStore(core.Retention{Bytes: history, Events: -1}),
			}
			if got := flood(t, kind.mode, cfg); got > bound {
				t.Errorf("got %d bytes more in use, want %d at most", got, bound)
			}
		})
		t.Run(name+", without the cap", func(t *testing.T) {
			cfg := core.HubConfig{
				RingBytes: 1 << 30, RingEvents: 1 << 20, PageBytes: page, Channels: skip,
				Store: core.NewMemoryStore(core.Retention{Bytes: history, Events: -1}),
			}
			if got := flood(t, kind.mode, cfg); got < bound*5/4 {
				t.Errorf("got %d bytes more in use only: what holds them within %d?", got, bound)
			}
		})
	}
}

// 1,000 subscribers that read nothing of a long history cost one page each.
func TestHeapOfStalledBeginnings(t *testing.T) {
	const keys, event, page = 400, 1 << 10, 8 << 10
	begin := func(t *testing.T, mode core.ConnMode, start core.Start, page int) (grown int64) {
		hub := openHub(t, core.HubConfig{
			RingEvents: 4, PageBytes: page, MaxReplays: stalledClients,
			Store: core.NewMemoryStore(core.Retention{Bytes: mib / 2}),
		})
		f := openFixture(t, hub, core.GateConfig{Heartbeat: -1, WriteTimeout: -1, Conn: mode, Start: start},
			map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a")})
		update := func() {
			for i := range keys {
				ev := core.Event{Key: strconv.Itoa(i), Data: strings.Repeat("x", event)}
				if _, err := hub.Publish(t.Context(), "a", ev); err != nil {
					t.Fatalf("Publish: %v", err)
				}
			}
		}
		update()
		update() // more than history keeps
		before := ssetest.HeapInUse()
		// Then history no longer has what the subscribers hold.
		stallAll(t, f, 8, func() { update() })
		update()
		grown = ssetest.HeapInUse() - before
		t.Logf("%d streams, heap grew by %d KiB", hub.Stats().Streams, grown>>10)
		if err := hub.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		return grown
	}
	for name, kind := range kinds {
		bound := stalledClients*(page+event+kind.cost) + 1*mib
		for start, from := range map[string]core.Start{"snapshot": core.Snapshot(), "last": core.Last(keys)} {
			t.Run(name+" "+start, func(t *testing.T) {
				if got := begin(t, kind.mode, from, page); got > bound {
					t.Errorf("got %d bytes more in use, want %d at most", got, bound)
				}
			})
			if start != "last" {
				continue // to see that it can fail, one is enough
			}
			t.Run(name+" "+start+", without the cap", func(t *testing.T) {
				if got := begin(t, kind.mode, from, 1<<30); got < bound*5/4 {
					t.Errorf("got %d bytes more in use only: what holds them within %d?", got, bound)
				}
			})
		}
	}
}
