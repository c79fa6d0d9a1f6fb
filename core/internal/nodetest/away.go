package nodetest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
)

// stopped is how long the engine is away in KilledEngine.
var stopped = flag.Duration("stopped", time.Second, "how long KilledEngine has the engine away")

// KilledEngine tests an engine that is killed under load, and comes back: what was
// acknowledged is delivered once, in one order, at all nodes, and no stream
// notices. Without a buffer, publishing is refused meanwhile; with one, it waits,
// and nothing is published twice although the answers to some batches are lost.
// open opens a store with a buffer.
func KilledEngine(t *testing.T, engine Engine, buffer int, open func(buffer int) history.Store) {
	t.Helper()
	nodes := []Node{New(t, open(buffer)), New(t, open(buffer))}
	readers := []*Reader{nodes[0].Read(t, All("")), nodes[1].Read(t, All(""))}
	first := nodes[0].MustPublish(t, "a", "first")
	l := &load{}
	for i, n := range []Node{nodes[0], nodes[1], nodes[0], nodes[1]} {
		l.busy.Go(func() { l.publish(t, n, i) })
	}
	for range 3 {
		l.more(t, 50)
		if err := engine.Kill(); err != nil {
			t.Fatal(err)
		}
		<-time.After(*stopped) // the engine is away for so long
		if err := engine.Start(); err != nil {
			t.Fatal(err)
		}
	}
	l.more(t, 50)
	l.stop.Store(true)
	l.busy.Wait()
	nodes[1].PublishWhenBack(t, "a", "last") // it may not have noticed yet that it can
	last := func(data []string) bool { return len(data) > 0 && data[len(data)-1] == "last" }
	got, other := readers[0].Until(t, "node 0", last), readers[1].Until(t, "node 1", last)
	if !slices.Equal(got, other) {
		t.Errorf("the nodes delivered different orders")
	}
	l.check(t, got[1:len(got)-1], buffer == 0)
	// A client that was away all the time gets the same, without a reset.
	again := nodes[1].Read(t, All(first)).Until(t, "resumed", last)
	if !slices.Equal(again, got[1:]) {
		t.Errorf("resumed after the first event, %s: got %d others, want %d: %q", first, len(again), len(got)-1, again[:min(3, len(again))])
	}
	t.Logf("%d delivered, %d refused", len(got), l.refused.Load())
}

// PublishWhenBack publishes as soon as the engine is there.
func (n Node) PublishWhenBack(t *testing.T, channel, data string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	for {
		_, err := n.Publish(ctx, channel, core.Event{Data: data})
		if err == nil {
			return
		}
		if !errors.Is(err, core.ErrUnavailable) || ctx.Err() != nil {
			t.Fatalf("Publish: got %v, want ErrUnavailable until the engine is back", err)
		}
		Pause(ctx, 0.002)
	}
}

// load publishes, and notes what is acknowledged.
type load struct {
	busy         sync.WaitGroup
	stop         atomic.Bool
	done         atomic.Int64
	refused      atomic.Int64
	mu           sync.Mutex
	acknowledged []string
	unknown      []string
}

func (l *load) publish(t *testing.T, n Node, publisher int) {
	t.Helper()
	for i := 0; !l.stop.Load(); i++ {
		data := fmt.Sprintf("%d %d", publisher, i)
		_, err := n.Publish(t.Context(), "a", core.Event{Data: data})
		l.mu.Lock()
		if err == nil {
			l.acknowledged = append(l.acknowledged, data)
			l.done.Add(1)
		} else {
			l.unknown = append(l.unknown, data)
			l.refused.Add(1)
		}
		l.mu.Unlock()
		if err != nil {
			if !errors.Is(err, core.ErrUnavailable) {
				t.Errorf("Publish: got %v, want ErrUnavailable", err)
				return
			}
			Pause(t.Context(), 0.005)
		}
	}
}

// more waits until so many more are published.
func (l *load) more(t *testing.T, n int64) {
	t.Helper()
	limit := time.Now().Add(Patience)
	for want := l.done.Load() + n; l.done.Load() < want; {
		Pause(t.Context(), 0.002)
		if time.Now().After(limit) {
			t.Fatalf("published %d, want %d", l.done.Load(), want)
		}
	}
}

// check checks what was delivered.
func (l *load) check(t *testing.T, got []string, refusable bool) {
	t.Helper()
	count := make(map[string]int)
	next := make(map[int]int)
	for _, data := range got {
		var publisher, i int
		if _, err := fmt.Sscanf(data, "%d %d", &publisher, &i); err != nil {
			t.Fatalf("got %q, want a number of a publisher", data)
		}
		if i < next[publisher] || !refusable && i != next[publisher] {
			t.Errorf("publisher %d: got number %d, want %d", publisher, i, next[publisher])
		}
		next[publisher] = i + 1
		count[data]++
	}
	for _, data := range l.acknowledged {
		if count[data] != 1 {
			t.Errorf("acknowledged event %q: delivered %d times, want once", data, count[data])
		}
	}
	for _, data := range l.unknown {
		if count[data] > 1 {
			t.Errorf("event %q with an error: delivered %d times, want once at most", data, count[data])
		}
	}
	if !refusable && len(l.unknown) > 0 {
		t.Errorf("with a buffer: %d refused, want none", len(l.unknown))
	}
}
