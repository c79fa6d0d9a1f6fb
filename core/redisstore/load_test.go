package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/nodetest"
)

// book has the events of all IDs that were ever seen.
type book struct {
	mu     sync.Mutex
	events map[string]string
	lies   []string
}

// note notes an event, which must be the only one with its ID.
func (b *book) note(id, data string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, ok := b.events[id]; ok && known != data {
		b.lies = append(b.lies, fmt.Sprintf("ID %s: %q and %q", id, known, data))
	}
	b.events[id] = data
}

func (b *book) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.events)
}

// Data are removed, or go back to a snapshot, again and again, while nodes publish
// and deliver: no ID ever stands for two events.
func TestLossesUnderLoad(t *testing.T) {
	t.Parallel()
	s := server(t)
	b := &book{events: make(map[string]string)}
	nodes := []nodetest.Node{newNode(t, s, soon()), newNode(t, s, soon())}
	var stop atomic.Bool
	var publishers, readers sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 3*nodetest.Patience)
	defer cancel()
	for i, n := range nodes {
		readers.Go(func() {
			for d := range n.Subscribe(ctx, nodetest.All("")) {
				if d.ID != "" {
					b.note(d.ID, d.Data)
				}
				if d.Data == "last" {
					return
				}
			}
		})
		for p := range 2 {
			publishers.Go(func() {
				for j := 0; !stop.Load(); j++ {
					data := fmt.Sprint(i, p, j)
					id, err := n.Publish(t.Context(), "a", core.Event{Data: data})
					if err == nil {
						b.note(id, data)
					} else if !errors.Is(err, errUnavailable) {
						t.Errorf("Publish: got %v, want ErrUnavailable", err)
						return
					}
				}
			})
		}
	}
	more := func(n int) {
		limit := time.Now().Add(nodetest.Patience)
		for want := b.len() + n; b.len() < want && time.Now().Before(limit); {
			nodetest.Pause(t.Context(), 0.002)
		}
	}
	for range 4 {
		more(100)
		must(t, s.Save())
		more(100)
		must(t, s.Restore())
		more(100)
		do(t, s, []any{"flushall"})
	}
	more(100)
	stop.Store(true)
	publishers.Wait()
	nodes[0].PublishWhenBack(t, "a", "last")
	readers.Wait()
	if ctx.Err() != nil {
		t.Error("the last event did not come")
	}
	for _, lie := range b.lies {
		t.Error(lie)
	}
	t.Logf("%d events", b.len())
}
