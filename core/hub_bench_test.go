package core_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

var stockUpdate = core.Event{Name: "stockupdate", Data: `{"stock":"IBM","value":567.29}`}

// waitingSubscribers are subscribers that wait for events.
type waitingSubscribers struct {
	size      int64
	delivered atomic.Int64
	want      atomic.Int64  // when to say that it is reached
	reached   chan struct{} // has room for one
	stop      context.CancelFunc
	left      sync.WaitGroup
}

// openSubscribers returns once all of its subscribers wait.
func openSubscribers(b *testing.B, hub *core.Hub, channel string, size int) *waitingSubscribers {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	a := &waitingSubscribers{size: int64(size), reached: make(chan struct{}, 1), stop: cancel}
	publish(b, hub, channel, "begin")
	for range size {
		a.left.Go(func() {
			for _, err := range hub.Subscribe(ctx, core.Subscription{Channels: []string{channel}, Start: core.Last(1)}) {
				if ctx.Err() != nil {
					return
				}
				if err != nil {
					b.Errorf("Subscribe: %v", err)
				}
				if a.delivered.Add(1) == a.want.Load() {
					select {
					case a.reached <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	a.await(1)
	return a
}

// await waits until each subscriber has received this many events.
func (a *waitingSubscribers) await(events int) {
	want := a.size * int64(events)
	a.want.Store(want)
	for a.delivered.Load() < want {
		<-a.reached
	}
}

// close ends the subscriptions.
func (a *waitingSubscribers) close() {
	a.stop()
	a.left.Wait()
}

// benchmarkPublish reports the cost of Publish, and the rate of delivery. After
// every ahead events, it waits until all subscribers have received them. As the
// ring holds more, no event is missed.
func benchmarkPublish(b *testing.B, subscribers, ahead int) {
	b.Helper()
	b.ReportAllocs()
	hub := openHub(b, core.HubConfig{})
	a := openSubscribers(b, hub, "stocks", subscribers)
	defer a.close()
	published, calls := 0, time.Duration(0)
	began := time.Now()
	turn := began
	for b.Loop() {
		if _, err := hub.Publish(b.Context(), "stocks", stockUpdate); err != nil {
			b.Fatal(err)
		}
		if published++; published%ahead == 0 {
			calls += time.Since(turn)
			a.await(1 + published)
			turn = time.Now()
		}
	}
	calls += time.Since(turn)
	a.await(1 + published)
	took := time.Since(began).Seconds()
	if got, want := a.delivered.Load(), a.size*int64(1+published); got != want {
		b.Errorf("got %d delivered, want %d", got, want)
	}
	b.ReportMetric(float64(calls.Nanoseconds())/float64(published), "ns/op")
	b.ReportMetric(float64(a.delivered.Load()-a.size)/took, "delivered/s")
	b.ReportMetric(1e6*took/float64(published), "µs-until-all-have-it/op")
}

// BenchmarkPublish measures Publish for several numbers of subscribers.
func BenchmarkPublish(b *testing.B) {
	for _, subscribers := range []int{0, 1, 100, 10_000} {
		b.Run(fmt.Sprintf("subscribers=%d", subscribers), func(b *testing.B) {
			benchmarkPublish(b, subscribers, 512)
		})
	}
}

// One event at a time: nothing is batched.
func BenchmarkPublishOneByOne(b *testing.B) {
	for _, subscribers := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("subscribers=%d", subscribers), func(b *testing.B) {
			benchmarkPublish(b, subscribers, 1)
		})
	}
}

func BenchmarkPublishParallel(b *testing.B) {
	for _, channels := range []int{1, 1000} {
		b.Run(fmt.Sprintf("channels=%d", channels), func(b *testing.B) {
			b.ReportAllocs()
			hub := openHub(b, core.HubConfig{})
			names := make([]string, channels)
			for i := range names {
				names[i] = fmt.Sprintf("channel %d", i)
			}
			var next atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				i := int(next.Add(1)) * 31
				for pb.Next() {
					i++
					if _, err := hub.Publish(b.Context(), names[i%channels], stockUpdate); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkJoinLeave(b *testing.B) {
	for _, others := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("others=%d", others), func(b *testing.B) {
			b.ReportAllocs()
			hub := openHub(b, core.HubConfig{})
			defer openSubscribers(b, hub, "stocks", others).close()
			for b.Loop() {
				if _, err := hub.History(b.Context(), core.Subscription{Channels: []string{"stocks"}}, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
