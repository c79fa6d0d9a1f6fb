//nolint:thelper // These are tests: a failure is at a line of theirs.
package core_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// writes records how many events each write of a stream contains.
type writes struct {
	mu  sync.Mutex
	n   int          // events written
	end map[int]bool // the value of n after each write
}

func (w *writes) deliver(events, _ int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n += events
	w.end[w.n] = true
}

// split returns the number of the first of these events, the last aside, with
// which a write ended, or 0.
func (w *writes) split(first, last int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := first; n < last; n++ {
		if w.end[n] {
			return n
		}
	}
	return 0
}

// servedBatches publishes events together, on one channel or several. Those for a
// client arrive in one write, whatever else waits to be sent.
func servedBatches(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	log := make(map[string]*writes)
	watch := func(h *core.Handshake) error {
		w := log[h.Request().URL.Path]
		h.OnDeliver(w.deliver)
		h.SetIdentity("me")
		return nil
	}
	paths := map[string][]string{"/a": {"a"}, "/b": {"b"}, "/both": {"a", "b"}, "/filter": {"a", "b"}}
	for path, channels := range paths {
		log[path] = &writes{end: make(map[int]bool)}
		middleware := []core.Middleware{watch}
		if path == "/filter" {
			middleware = append(middleware, func(h *core.Handshake) error {
				h.SetFilter(func(d core.Delivery) bool { return !strings.HasSuffix(d.Data, "7") })
				return nil
			})
		}
		f.Get(path, f.Gate(core.GateConfig{Middleware: middleware}).Subscribe(channels...))
	}
	f.Start(t)
	replies := make(map[string]*ssetest.Reply)
	for path := range paths {
		replies[path] = f.Client(t).Open(t, path)
		replies[path].Prelude(t)
	}
	random := rand.New(rand.NewPCG(3, 4))
	got := make(map[string]int)
	for turn := range 25 {
		var all []core.Publication
		begin, size := random.IntN(60), 2+random.IntN(core.MaxBatch-2)
		if turn%3 == 0 {
			begin, size = 250+random.IntN(10), 2+random.IntN(60)
		}
		for i := range begin + size + random.IntN(60) {
			p := core.Publication{Channel: []string{"a", "b"}[random.IntN(2)], Event: core.Event{Data: fmt.Sprintf("%d.%d", turn, i)}}
			p.To = []core.Audience{{}, {}, core.ToIdentity("me"), core.ToIdentity("you")}[random.IntN(4)]
			all = append(all, p)
		}
		for i, p := range all {
			switch {
			case i == begin:
				if _, err := f.Hub.PublishBatch(t.Context(), all[begin:begin+size]...); err != nil {
					t.Fatalf("PublishBatch: %v", err)
				}
			case i < begin, i >= begin+size:
				if _, err := f.Hub.Publish(t.Context(), p.Channel, p.Event, core.Only(p.To)); err != nil {
					t.Fatalf("Publish: %v", err)
				}
			}
		}
		for path, r := range replies {
			first, last := 0, 0
			for i, p := range all {
				on := strings.HasSuffix(path, p.Channel) || path == "/both" || path == "/filter"
				if !on || p.To == core.ToIdentity("you") || path == "/filter" && strings.HasSuffix(p.Event.Data, "7") {
					continue
				}
				r.WantData(t, p.Event.Data)
				got[path]++
				if i >= begin && i < begin+size {
					if first == 0 {
						first = got[path]
					}
					last = got[path]
				}
			}
			if at := log[path].split(first, last); at > 0 {
				t.Fatalf("%s, turn %d: got a write that ended with event %d, of %d to %d that were published together",
					path, turn, at, first, last)
			}
		}
	}
}
