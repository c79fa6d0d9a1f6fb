//nolint:gosec // Tests need no secret randomness.
package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// Soak keeps many clients connected for the duration, cuts their connections at
// random, and publishes as many events a second as rate says. Each client must
// get every event once and in order, and nothing may be left of the streams. It
// runs twice: on hijacked connections, and on responses.
//
// A duration of 0 is a short test with fewer clients and events.
func Soak(t *testing.T, adapter Adapter, duration time.Duration, clients, rate int) {
	t.Helper()
	if duration <= 0 {
		duration, clients, rate = 2500*time.Millisecond, 200, 200
	}
	for _, mode := range []core.ConnMode{core.OwnedConn, core.ResponseConn} {
		t.Run(mode.String(), func(t *testing.T) {
			e := ssetest.Env{Adapter: adapter, Transport: Plain, Conn: mode}
			warm(t, e)
			heap, goroutines, files := ssetest.HeapInUse(), runtime.NumGoroutine(), descriptors()
			t.Run("streams", func(t *testing.T) { soak(t, e, duration, clients, rate) })
			ssetest.Settled(t, goroutines)
			ssetest.Eventually(t, "descriptors more than before", 0, func() int { return max(descriptors()-files, 0) })
			ssetest.Eventually(t, "MiB more than before", 0, func() int {
				return max(int(ssetest.HeapInUse()-heap)>>20-4, 0) // pools keep buffers
			})
		})
	}
}

// descriptors returns the number of open files, or 0 on a system that does not
// tell.
func descriptors() int {
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}

// soakDrain is how long a soak takes to end its streams.
const soakDrain = 2 * time.Second

// soaking is what the clients of a soak share.
type soaking struct {
	f                    *ssetest.Fixture
	between              int            // events between two cuts of one client, on average
	behind               sync.WaitGroup // clients that have not got the last event
	received, cuts, ends atomic.Int64

	mu      sync.Mutex
	reasons map[string]int // number of ended streams, by reason
}

func soak(t *testing.T, e ssetest.Env, duration time.Duration, clients, rate int) {
	t.Helper()
	f := ssetest.New(t, e, core.HubConfig{
		Store:      core.NewMemoryStore(core.Retention{Events: 120 * rate}),
		RingEvents: rate / 2, // some clients stay away for longer
	})
	f.Timeout = 0
	s := &soaking{f: f, between: max(rate*clients/100, 1), reasons: make(map[string]int)}
	f.Get("/", core.NewGate(f.Hub, core.GateConfig{Conn: e.Conn, Heartbeat: time.Second, Middleware: []core.Middleware{s.count}}).Subscribe("news"))
	f.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), duration+4*ssetest.Patience)
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
	ssetest.Eventually(t, "streams that are not open yet", 0, func() int { return max(clients-f.Hub.Stats().Streams, 0) })
	began := time.Now()
	published := s.publish(t, duration, rate)
	s.behind.Wait()
	took := time.Since(began)
	draining, stop := context.WithTimeout(ctx, soakDrain)
	defer stop()
	if err := f.Hub.Drain(draining); err != nil {
		t.Errorf("Drain: got %v, want nil", err)
	}
	all.Wait()
	f.Empty(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Logf("%d clients, %d events in %v: %d received (%.0f a second), %d cuts by clients, %d by the server; streams ended: %v",
		clients, published, took.Round(time.Millisecond), s.received.Load(),
		float64(s.received.Load())/took.Seconds(), s.cuts.Load(), s.ends.Load(), s.reasons)
}

// count is a middleware that counts why streams end.
func (s *soaking) count(stream *core.Handshake) error {
	stream.OnClose(func(sum core.Summary) {
		reason, _, _ := strings.Cut(strings.TrimPrefix(fmt.Sprint(sum.Reason), "tidings: "), ":")
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reasons[reason]++
	})
	return nil
}

// lastEvent is the name of the last event.
const lastEvent = "last"

// publish publishes at the rate, and returns how many events.
func (s *soaking) publish(t *testing.T, duration time.Duration, rate int) (published int) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	event := core.Event{Name: "stockupdate", Data: `{"stock":"IBM","value":567.29,"padding":"` + strings.Repeat("x", 40) + `"}`}
	began := time.Now()
	for elapsed := time.Duration(0); elapsed < duration; elapsed = time.Since(began) {
		for due := int(elapsed.Seconds() * float64(rate)); published < due; published++ {
			s.f.Publish(t, "news", event)
		}
		<-ticker.C
	}
	event.Name = lastEvent
	s.f.Publish(t, "news", event)
	return published + 1
}

// client reads all events on one connection after the other, until the server
// ends the stream behind the last event.
func (s *soaking) client(ctx context.Context) error {
	c := &session{to: s.f, path: "/"}
	caughtUp := sync.OnceFunc(s.behind.Done)
	defer caughtUp()
	for {
		last, err := s.read(ctx, c, caughtUp)
		c.cut(rand.IntN(2) == 0)
		switch {
		case err == nil:
			s.cuts.Add(1)
		case !errors.Is(err, io.EOF):
			return fmt.Errorf("client after %q: %w", c.id, err)
		case last:
			return nil
		default:
			s.ends.Add(1)
		}
		if rand.IntN(4) == 0 {
			ssetest.Pause(ctx, rand.N(time.Second))
		}
	}
}

// read reads some events from a new connection. If the last event is among them,
// it reads to the end.
func (s *soaking) read(ctx context.Context, c *session, caughtUp func()) (last bool, err error) {
	if err := c.connect(ctx); err != nil {
		return false, err
	}
	for left := 1 + rand.IntN(2*s.between); last || left > 0; left-- {
		before := c.seq
		ev, err := c.next()
		if err != nil {
			return last, err
		}
		if c.seq != before+1 {
			return false, fmt.Errorf("event %d: got it after %d", c.seq, before)
		}
		s.received.Add(1)
		if ev.Name == lastEvent {
			last = true
			caughtUp()
		}
	}
	return false, nil
}
