package adaptertest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// soakDrain is how long a soak takes to end its streams in order.
const soakDrain = 2 * time.Second

// Soak has many clients stay for a while, through cuts of their connections at
// random, while so many events a second are published. Each of them gets every
// event, in order, once; and nothing is left of them in the end. Where
// connections can be taken over, it is done twice, with and without.
//
// A duration of 0 is a short one, for tests that run every day, with fewer
// clients and events.
func Soak(t *testing.T, adapter Adapter, duration time.Duration, clients, rate int) {
	t.Helper()
	if duration <= 0 {
		duration, clients, rate = 2500*time.Millisecond, 200, 200
	}
	for _, mode := range []core.ConnMode{core.OwnedConn, core.ResponseConn} {
		t.Run(mode.String(), func(t *testing.T) {
			e := env{adapter: adapter, transport: Plain, conn: mode}
			warm(t, e)
			runtime.GC()
			before := usageNow()
			t.Run("streams", func(t *testing.T) { soak(t, e, duration, clients, rate) })
			settled(t, before.goroutines)
			eventually(t, "descriptors more than before", 0, func() int { return max(usageNow().descriptors-before.descriptors, 0) })
			eventually(t, "MiB more than before", 0, func() int {
				runtime.GC()
				return max(int(usageNow().heap-before.heap)>>20-4, 0) // buffers are kept in pools
			})
		})
	}
}

// usage is what a program takes of its machine.
type usage struct {
	goroutines, descriptors int
	heap                    int64
}

func usageNow() usage {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	list, _ := os.ReadDir("/proc/self/fd")                                // none on some systems
	return usage{runtime.NumGoroutine(), len(list), int64(mem.HeapAlloc)} //nolint:gosec // It is less than the memory.
}

// soaking is what one soak's clients have in common.
type soaking struct {
	b                    *bed
	between              int            // events between two cuts of one client, on average
	behind               sync.WaitGroup // those who have not got it yet
	received, cuts, ends atomic.Int64

	mu      sync.Mutex
	reasons map[string]int // why the server's streams ended
}

func soak(t *testing.T, e env, duration time.Duration, clients, rate int) {
	t.Helper()
	b := newBed(t, e, core.HubConfig{
		Store:      core.NewMemoryStore(core.Retention{Events: 120 * rate}),
		RingEvents: rate / 2, // some stay away for longer
	})
	b.timeout = 0
	s := &soaking{b: b, between: max(rate*clients/100, 1), reasons: make(map[string]int)}
	b.get("/", core.NewGate(b.hub, core.GateConfig{Conn: e.conn, Heartbeat: time.Second, Middleware: []core.Middleware{s.count}}).Subscribe("news"))
	b.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), duration+4*patience)
	defer cancel()
	var all sync.WaitGroup
	s.behind.Add(clients)
	for range clients {
		all.Go(func() {
			if err := s.client(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "streams that are not open yet", 0, func() int { return max(clients-b.hub.Stats().Streams, 0) })
	began := time.Now()
	published := s.publish(t, duration, rate)
	s.behind.Wait()
	took := time.Since(began)
	drain, stop := context.WithTimeout(ctx, soakDrain)
	defer stop()
	if err := b.hub.Drain(drain); err != nil {
		t.Errorf("Drain: got %v, want nil", err)
	}
	all.Wait()
	b.empty(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Logf("%d clients, %d events in %v: %d received (%.0f a second), %d cuts by clients, %d by the server; streams ended: %v",
		clients, published, took.Round(time.Millisecond), s.received.Load(),
		float64(s.received.Load())/took.Seconds(), s.cuts.Load(), s.ends.Load(), s.reasons)
}

// count is a middleware that counts why streams end.
func (s *soaking) count(stream *core.Handshake) error {
	stream.OnClose(func(sum core.Summary) {
		reason, _, _ := strings.Cut(fmt.Sprint(sum.Reason), ": ")
		if rest, ok := strings.CutPrefix(fmt.Sprint(sum.Reason), reason+": "); ok {
			reason, _, _ = strings.Cut(rest, ":")
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reasons[reason]++
	})
	return nil
}

// publish publishes so many events a second, and returns how many.
func (s *soaking) publish(t *testing.T, duration time.Duration, rate int) (published int) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	event := core.Event{Name: "stockupdate", Data: `{"stock":"IBM","value":567.29,"padding":"` + strings.Repeat("x", 40) + `"}`}
	began := time.Now()
	for elapsed := time.Duration(0); elapsed < duration; elapsed = time.Since(began) {
		for due := int(elapsed.Seconds() * float64(rate)); published < due; published++ {
			s.b.publish(t, "news", event)
		}
		<-ticker.C
	}
	event.Name = lastEvent
	s.b.publish(t, "news", event)
	return published + 1
}

// lastEvent is the name of a soak's last event.
const lastEvent = "last"
