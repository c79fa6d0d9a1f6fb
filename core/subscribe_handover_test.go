package core_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// readAll reads what a store keeps of the channels, in the one order.
func readAll(t *testing.T, store core.Store, channels ...string) []*core.Entry {
	t.Helper()
	page, err := store.Read(t.Context(), core.Query{Channels: channels, Oldest: true})
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return page.Entries
}

// resumingClient resumes after its last ID until it has received the event with
// the data "end" on each of its channels.
type resumingClient struct {
	sub   core.Subscription
	patch func() int // how many events to take before it leaves; 0: all

	got   []string // IDs
	slow  int      // how often it was
	times int      // how often it came
}

func (p *resumingClient) run(ctx context.Context, hub *core.Hub) error {
	open := len(p.sub.Channels)
	for open > 0 {
		p.times++
		left := p.patch()
		for d, err := range hub.Subscribe(ctx, p.sub) {
			if errors.Is(err, core.ErrSlow) {
				p.slow++
				break
			}
			if err != nil {
				return err
			}
			p.got = append(p.got, d.ID)
			p.sub.After = d.ID
			if d.Data == "end" {
				open--
			}
			if left--; left == 0 || open == 0 {
				break
			}
		}
	}
	return nil
}

// wantOrder checks that the client got just what the entries are.
func (p *resumingClient) wantOrder(t *testing.T, who string, entries []*core.Entry) {
	t.Helper()
	var want []string
	for _, e := range entries {
		if slices.Contains(p.sub.Channels, e.Channel) {
			want = append(want, e.ID())
		}
	}
	for i := range min(len(want), len(p.got)) {
		if p.got[i] != want[i] {
			t.Fatalf("%s, event %d of %d: got %s, want %s", who, i, len(want), p.got[i], want[i])
		}
	}
	if len(p.got) != len(want) {
		t.Errorf("%s: got %d events, want %d", who, len(p.got), len(want))
	}
}

// From history to the ring, no event is lost or repeated, wherever a
// subscription begins and while events are published.
func TestHandOver(t *testing.T) {
	t.Parallel()
	const before, during, clients = 1500, 1500, 24
	for _, ringEvents := range []int{1, 4, 300} {
		t.Run(fmt.Sprintf("ring of %d", ringEvents), func(t *testing.T) {
			t.Parallel()
			store := core.NewMemoryStore(core.Retention{Events: -1, Bytes: -1})
			hub := openHub(t, core.HubConfig{Store: store, RingEvents: ringEvents, MaxReplays: 3})
			random := rand.New(rand.NewPCG(uint64(ringEvents), 3))
			channels := []string{"a", "b", "c"}
			var ids []string
			for i := range before {
				ids = append(ids, publish(t, hub, channels[random.IntN(3)], strconv.Itoa(i))...)
			}
			all := make([]*resumingClient, clients)
			begin := make([]int, clients)
			var reading sync.WaitGroup
			errs := make(chan error, clients)
			for i := range all {
				begin[i] = random.IntN(before)
				p := &resumingClient{sub: core.Subscription{Channels: channels, After: ids[begin[i]]}, patch: func() int { return 0 }}
				all[i] = p
				reading.Go(func() { errs <- p.run(t.Context(), hub) })
			}
			for i := range during {
				publish(t, hub, channels[random.IntN(3)], strconv.Itoa(i))
			}
			for _, channel := range channels {
				publish(t, hub, channel, "end")
			}
			reading.Wait()
			entries := readAll(t, store, channels...)
			slow := 0
			for i, p := range all {
				if err := <-errs; err != nil {
					t.Fatalf("Subscribe: %v", err)
				}
				p.wantOrder(t, fmt.Sprintf("after event %d", begin[i]), entries[begin[i]+1:])
				slow += p.slow
			}
			t.Logf("slow %d times", slow)
		})
	}
}

// Clients that leave and resume with nothing but their last ID receive the same
// events as one that stays, for all stores and sizes of the ring.
func TestOneOrderForAll(t *testing.T) {
	t.Parallel()
	for _, ringEvents := range []int{2, 16, 1024} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("ring of %d, store delivers later: %t", ringEvents, late), func(t *testing.T) {
				t.Parallel()
				memory := core.NewMemoryStore(core.Retention{Events: -1, Bytes: -1})
				cfg := core.HubConfig{Store: memory, RingEvents: ringEvents, MaxReplays: 2}
				if late {
					cfg.Store = newLateStore(memory)
				}
				oneOrderForAll(t, openHub(t, cfg), memory, uint64(ringEvents))
			})
		}
	}
}

func oneOrderForAll(t *testing.T, hub *core.Hub, store core.Store, seed uint64) {
	t.Helper()
	const publishers, each, clients = 4, 150, 12
	channels := []string{"a", "b", "c", "d"}
	all := make([]*resumingClient, clients)
	errs := make(chan error, clients+publishers)
	for i := range all {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		own := slices.Clone(channels)
		random.Shuffle(len(own), func(i, j int) { own[i], own[j] = own[j], own[i] })
		all[i] = &resumingClient{
			sub:   core.Subscription{Channels: own[:1+random.IntN(4)], Start: core.Earliest()},
			patch: func() int { return random.IntN(60) },
		}
		go func() { errs <- all[i].run(t.Context(), hub) }()
	}
	var publishing sync.WaitGroup
	for i := range publishers {
		random := rand.New(rand.NewPCG(seed, uint64(1000+i)))
		publishing.Go(func() {
			for n := range each {
				ev := core.Event{Data: strconv.Itoa(n)}
				if random.IntN(3) == 0 {
					ev.ID = fmt.Sprintf("row %d of %d", n, i)
				}
				if _, err := hub.Publish(t.Context(), channels[random.IntN(4)], ev); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	publishing.Wait()
	for _, channel := range channels {
		publish(t, hub, channel, "end")
	}
	for range clients {
		if err := <-errs; err != nil {
			t.Fatalf("Publish or Subscribe: %v", err)
		}
	}
	entries := readAll(t, store, channels...)
	if want := publishers*each + len(channels); len(entries) != want {
		t.Errorf("got %d events stored, want %d", len(entries), want)
	}
	times, slow := 0, 0
	for i, p := range all {
		p.wantOrder(t, fmt.Sprintf("client %d", i), entries)
		times, slow = times+p.times, slow+p.slow
	}
	t.Logf("came %d times, were slow %d times", times, slow)
}

// lateStore delivers entries asynchronously, in its own goroutine.
type lateStore struct {
	*core.MemoryStore

	news  chan struct{} // has room for one
	ended chan struct{}
	once  sync.Once
	busy  sync.WaitGroup

	mu    sync.Mutex
	sink  core.Sink
	calls []func(core.Sink)
}

func newLateStore(memory *core.MemoryStore) *lateStore {
	return &lateStore{MemoryStore: memory, news: make(chan struct{}, 1), ended: make(chan struct{})}
}

func (l *lateStore) Attach(sink core.Sink) (core.Position, error) {
	l.sink = sink
	l.busy.Go(func() {
		for {
			select {
			case <-l.news:
			case <-l.ended:
				return
			}
			l.mu.Lock()
			calls := l.calls
			l.calls = nil
			l.mu.Unlock()
			for _, call := range calls {
				call(sink)
			}
		}
	})
	return l.MemoryStore.Attach((*lateSink)(l))
}

func (l *lateStore) Close() error {
	l.once.Do(func() { close(l.ended) })
	l.busy.Wait()
	return l.MemoryStore.Close()
}

// lateSink is the side of a lateStore that the MemoryStore sees.
type lateSink lateStore

func (l *lateSink) Deliver(entries []*core.Entry) { l.put(func(s core.Sink) { s.Deliver(entries) }) }

func (l *lateSink) Trimmed(name string, seq uint64) {
	l.put(func(s core.Sink) { s.Trimmed(name, seq) })
}

func (l *lateSink) put(call func(core.Sink)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, call)
	select {
	case l.news <- struct{}{}:
	default:
	}
}
