//go:build linux

//nolint:thelper // These are tests: a failure is at a line of theirs.
package core_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// Many clients resume at the same time, from anywhere in a long history, while
// events are published. Each receives what follows its ID, through any number
// of reconnections.
//
//nolint:paralleltest // It counts descriptors.
func TestHijackReplay(t *testing.T) {
	wantNoLeaks(t, func(t *testing.T) {
		const clients, before, after, replays = 500, 2000, 60, 5
		store := &gatedStore{Store: core.NewMemoryStore(core.Retention{Events: before + after}), held: func(core.Query) error { return nil }}
		hub := openHub(t, core.HubConfig{RingEvents: 4, MaxReplays: replays, Store: store})
		f := openFixture(t, hub, core.GateConfig{}, map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a")})
		ids := publish(t, hub, "a", numbers(1, before)...)
		var all sync.WaitGroup
		var cuts atomic.Int64
		for i := range clients {
			at := rand.New(rand.NewPCG(9, uint64(i))).IntN(before)
			all.Go(func() {
				cuts.Add(int64(f.follow(t, "/", ids[at], at+1, before+after, i%4)))
			})
		}
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for n := range after {
			<-ticker.C
			publish(t, hub, "a", strconv.Itoa(before+n+1))
		}
		all.Wait()
		if most := store.most.Load(); most < 1 || most > replays {
			t.Errorf("pages at once: got %d, want 1 to %d", most, replays)
		}
		eventually(t, "streams", 0, func() int { return hub.Stats().Streams })
		t.Logf("connected again %d times, %d pages at once", cuts.Load(), store.most.Load())
	})
}

// follow reads events whose data are numbers, from the one after id to the
// last. It reconnects whenever the stream ends, and returns how often that was.
func (f *fixture) follow(t *testing.T, path, id string, number, last, kind int) (cuts int) {
	c, err := f.dial(path, id, []int{0, 4 << 10}[kind%2])
	for number < last {
		if err != nil {
			t.Errorf("after %s: %v", id, err)
			return cuts
		}
		ev, readErr := c.dec.Next()
		if errors.Is(readErr, io.EOF) || kind >= 2 && number%500 == 0 {
			_ = c.Close()
			cuts++
			if readErr == nil && ev.Data == strconv.Itoa(number+1) {
				number++
				id = ev.ID
			}
			c, err = f.dial(path, id, 0)
			continue
		}
		if readErr != nil || ev.Data != strconv.Itoa(number+1) {
			t.Errorf("after %d: got %q, named %q, and %v", number, ev.Data, ev.Name, readErr)
			break
		}
		number++
		id = ev.ID
	}
	_ = c.Close()
	return cuts
}

// A slow store does not delay live subscribers, and those that wait for it are
// sent heartbeats. Clients that disconnect meanwhile leave nothing behind.
//
//nolint:paralleltest // It counts descriptors.
func TestSlowStore(t *testing.T) {
	for _, mode := range []core.ConnMode{core.OwnedConn, core.ResponseConn} {
		t.Run(mode.String(), func(t *testing.T) { slowStore(t, mode) })
	}
}

func slowStore(t *testing.T, mode core.ConnMode) {
	t.Helper()
	wantNoLeaks(t, func(t *testing.T) {
		const replays, behind, live = 3, 12, 12
		reading, proceed := make(chan struct{}, 100), make(chan struct{})
		store := &gatedStore{Store: core.NewMemoryStore(core.Retention{}), held: func(core.Query) error {
			reading <- struct{}{}
			<-proceed
			return nil
		}}
		hub := openHub(t, core.HubConfig{RingEvents: 4, MaxReplays: replays, Store: store})
		f := openFixture(t, hub, core.GateConfig{Heartbeat: 50 * time.Millisecond, Conn: mode}, map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a")})
		ids := publish(t, hub, "a", numbers(1, 20)...)
		late, alive := make([]*rawClient, behind), make([]*rawClient, live)
		for i := range late {
			late[i] = f.open(t, "/", ids[i%10], 0)
		}
		for range replays {
			ssetest.Receive(t, reading, "page")
		}
		for i := range alive {
			alive[i] = f.open(t, "/", "", 0)
			alive[i].readPrelude(t)
		}
		for n := range 20 {
			publish(t, hub, "a", strconv.Itoa(21+n))
			for _, c := range alive {
				c.wantData(t, strconv.Itoa(21+n))
			}
		}
		late[0].readLine(t, ":") // also heartbeats go on
		late[0].readLine(t, ":")
		for _, c := range late[behind/2:] {
			_ = c.Close()
		}
		close(proceed)
		for i, c := range late[:behind/2] {
			for n := i%10 + 2; n <= 40; n++ {
				c.wantData(t, strconv.Itoa(n))
			}
		}
		for range behind / 2 {
			if sum := f.Closed(t); !errors.Is(sum.Reason, core.ErrClientGone) {
				t.Errorf("summary of a client that left while its page was read: got %+v, want ErrClientGone", sum)
			}
		}
		if most := store.most.Load(); most != replays {
			t.Errorf("pages at once: got %d, want %d", most, replays)
		}
	})
}

// History that is trimmed while it is read causes a gap.
func TestHijackGapDuringReplay(t *testing.T) {
	t.Parallel()
	var pages atomic.Int64
	store := &gatedStore{Store: core.NewMemoryStore(core.Retention{})}
	store.held = func(q core.Query) error {
		if pages.Add(1) > 1 {
			return nil
		}
		oldest, newest, err := store.Bounds(t.Context(), q.Channels)
		return errors.Join(err, &core.GapError{Reason: core.GapTrimmed, Oldest: oldest, Newest: newest})
	}
	hub := openHub(t, core.HubConfig{RingEvents: 4, Store: store})
	f := openFixture(t, hub, core.GateConfig{Start: core.Last(5)}, map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a")})
	ids := publish(t, hub, "a", numbers(1, 20)...)
	c := f.open(t, "/", ids[2], 0)
	ev, err := c.dec.Next()
	want := fmt.Sprintf(`{"reason":"trimmed","oldest":%q,"newest":%q}`, ids[0], ids[19])
	if err != nil || ev.Name != core.ResetEvent || ev.Data != want {
		t.Fatalf("event: got %+v and %v, want a reset with %s", ev, err, want)
	}
	for n := 16; n <= 20; n++ {
		c.wantData(t, strconv.Itoa(n))
	}
	publish(t, hub, "a", "live")
	c.wantData(t, "live")
}

// A snapshot is complete even if it is larger than one system call and the
// client's buffer.
func TestHijackLargeSnapshot(t *testing.T) {
	t.Parallel()
	const keys = 3000
	for name, size := range map[string]int{"small": 1, "large": 2000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := openHub(t, core.HubConfig{RingEvents: 4, Store: core.NewMemoryStore(core.Retention{Events: keys + 100})})
			f := openFixture(t, hub, core.GateConfig{Start: core.Snapshot()}, map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a", "b")})
			data := func(i int) string { return strconv.Itoa(i) + strings.Repeat("x", size) }
			for i := range keys {
				if _, err := hub.Publish(t.Context(), "a", core.Event{Key: strconv.Itoa(i), Data: data(i)}); err != nil {
					t.Fatalf("Publish: %v", err)
				}
				publish(t, hub, "b", "no key", "no key") // half of it is trimmed
			}
			c := f.open(t, "/", "", 8<<10)
			for i := range keys {
				c.wantData(t, data(i))
			}
			publish(t, hub, "b", "live")
			c.wantData(t, "live")
		})
	}
}
