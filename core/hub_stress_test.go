package core_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// Subscribers come and go while events are published to channels that are
// created and removed. No subscriber misses an event, and nothing is left in
// the end.
func TestHubStress(t *testing.T) {
	t.Parallel()
	const publishers, clients, visits, used, unused = 4, 40, 50, 5, 30
	hub := openHub(t, core.HubConfig{RingEvents: 8, MaxReplays: 4})
	var publishing, visiting sync.WaitGroup
	var done atomic.Bool
	faults := make(chan string, 1000)
	counts := make([]atomic.Int64, used) // of each channel, by its own publisher only
	for p := range publishers {
		publishing.Go(func() {
			random := rand.New(rand.NewPCG(4, uint64(p)))
			for !done.Load() {
				// Each channel has one publisher, which numbers the events.
				channel := random.IntN(used)/publishers*publishers + p
				if channel >= used {
					continue
				}
				n := counts[channel].Add(1)
				if _, err := hub.Publish(t.Context(), fmt.Sprintf("used %d", channel), core.Event{Data: strconv.FormatInt(n, 10)}); err != nil {
					faults <- err.Error()
					return
				}
				if n%16 == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	var events, ends atomic.Int64
	for c := range clients {
		visiting.Go(func() {
			random := rand.New(rand.NewPCG(5, uint64(c)))
			for range visits {
				if fault := subscribeBriefly(t.Context(), hub, random, used, unused, &events, &ends); fault != "" {
					faults <- fault
					return
				}
			}
		})
	}
	visiting.Wait()
	done.Store(true)
	publishing.Wait()
	close(faults)
	for fault := range faults {
		t.Error(fault)
	}
	published := 0
	for i := range counts {
		published += min(1, int(counts[i].Load()))
	}
	wantChannels(t, hub, "in the end: those with events", published)
	if got := hub.Stats(); got.Streams != 0 {
		t.Errorf("got %d streams, want none", got.Streams)
	}
	t.Logf("%d published, %d received, slow or gone %d times", hub.Stats().Published, events.Load(), ends.Load())
}

// subscribeBriefly subscribes for a while, and describes what is wrong with the
// events it receives, or returns nothing.
func subscribeBriefly(ctx context.Context, hub *core.Hub, random *rand.Rand, used, unused int, events, ends *atomic.Int64) string {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sub := core.Subscription{Channels: []string{fmt.Sprintf("unused %d", random.IntN(unused))}}
	for range random.IntN(3) {
		sub.Channels = append(sub.Channels, fmt.Sprintf("used %d", random.IntN(used)))
	}
	sub.Start = []core.Start{core.Live(), core.Earliest(), core.Last(random.IntN(50)), core.Snapshot()}[random.IntN(4)]
	left := 1 + random.IntN(30)
	if len(sub.Channels) == 1 || sub.Start == core.Snapshot() {
		// Nothing may come: leave at some time.
		turns := random.IntN(20)
		var leaving sync.WaitGroup
		defer leaving.Wait()
		leaving.Go(func() {
			for range turns {
				runtime.Gosched()
			}
			cancel()
		})
	}
	last := make(map[string]int)
	for d, err := range hub.Subscribe(ctx, sub) {
		if gap := (*core.GapError)(nil); errors.As(err, &gap) {
			ends.Add(1)
			clear(last)
			continue
		}
		if errors.Is(err, core.ErrSlow) || errors.Is(err, context.Canceled) {
			ends.Add(1)
			break
		}
		if err != nil {
			return fmt.Sprintf("Subscribe %+v: %v", sub, err)
		}
		events.Add(1)
		n := 0
		if _, err := fmt.Sscan(d.Data, &n); err != nil {
			return fmt.Sprintf("data %q: %v", d.Data, err)
		}
		if before, ok := last[d.Channel]; ok && n != before+1 {
			return fmt.Sprintf("on %s: got event %d after %d", d.Channel, n, before)
		}
		last[d.Channel] = n
		if left--; left == 0 {
			break
		}
	}
	return ""
}

// Every subscriber is woken for the second of two events, though it is
// published while the shards are still being notified of the first: no third
// event would wake them.
func TestNoWakeIsLost(t *testing.T) {
	t.Parallel()
	const subscribers, turns = 200, 200
	hub := openHub(t, core.HubConfig{})
	publish(t, hub, "a", "begin")
	seen := make(chan struct{}, 2*subscribers)
	ctx, cancel := context.WithCancel(t.Context())
	var consuming sync.WaitGroup
	defer consuming.Wait()
	defer cancel()
	for range subscribers {
		consuming.Go(func() {
			for _, err := range hub.Subscribe(ctx, core.Subscription{Channels: []string{"a"}, Start: core.Last(1)}) {
				if err == nil {
					seen <- struct{}{}
				}
			}
		})
	}
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	await := func(n int) {
		t.Helper()
		for range n {
			select {
			case <-seen:
			case <-late.C:
				t.Fatal("an event did not come within a minute")
			}
		}
	}
	await(subscribers)
	for turn := range turns {
		publish(t, hub, "a", "1")
		already := 1 + turn%subscribers
		await(already)
		publish(t, hub, "a", "2")
		await(2*subscribers - already)
	}
}

// Closing a busy hub ends all publishers, streams and subscriptions.
func TestHubCloseUnderLoad(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		hub := core.NewHub(core.HubConfig{RingEvents: 8})
		var busy sync.WaitGroup
		started := make(chan struct{}, 20)
		for i := range 8 {
			busy.Go(func() {
				for n := 0; ; n++ {
					if n == 1 {
						started <- struct{}{}
					}
					if _, err := hub.Publish(t.Context(), strconv.Itoa(i%3), core.Event{}); err != nil {
						if !errors.Is(err, core.ErrHubClosed) {
							t.Errorf("Publish: got %v, want ErrHubClosed", err)
						}
						return
					}
				}
			})
			busy.Go(func() {
				for ended := false; !ended; {
					for _, err := range hub.Subscribe(t.Context(), core.Subscription{Channels: []string{strconv.Itoa(i % 3)}, Start: core.Last(int(seed))}) {
						if ended = errors.Is(err, core.ErrHubClosed); ended {
							break
						}
					}
				}
			})
		}
		for range 8 {
			<-started
		}
		if err := hub.Close(); err != nil {
			t.Errorf("Close: got error %v, want none", err)
		}
		busy.Wait()
		wantChannels(t, hub, "after Close", 3)
	}
}
