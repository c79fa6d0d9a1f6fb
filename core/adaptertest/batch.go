//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// writes takes down how many events each write of a stream had in it.
type writes struct {
	mu  sync.Mutex
	end map[int]bool // the numbers of events that a write ended with
	n   int
}

func (w *writes) deliver(events, _ int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n += events
	w.end[w.n] = true
}

// parted returns the first place within some events where one write ended and
// another began, or 0.
func (w *writes) parted(first, last int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := first; n < last; n++ {
		if w.end[n] {
			return n
		}
	}
	return 0
}

// testBatches has events published together arrive in one write, those that are
// for the client, whatever else waits to be sent, on one channel or several.
func testBatches(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	log := make(map[string]*writes)
	watch := func(s *core.Handshake) error {
		w := log[s.Request().URL.Path]
		s.OnDeliver(w.deliver)
		s.SetIdentity("me")
		return nil
	}
	paths := map[string][]string{"/a": {"a"}, "/b": {"b"}, "/both": {"a", "b"}, "/filter": {"a", "b"}}
	for path, channels := range paths {
		log[path] = &writes{end: make(map[int]bool)}
		middleware := []core.Middleware{watch}
		if path == "/filter" {
			middleware = append(middleware, func(s *core.Handshake) error {
				s.SetFilter(func(d core.Delivery) bool { return !strings.HasSuffix(d.Data, "7") })
				return nil
			})
		}
		b.get(path, b.gate(core.GateConfig{Middleware: middleware}).Subscribe(channels...))
	}
	b.start(t)
	replies := make(map[string]*reply)
	for path := range paths {
		replies[path] = b.client(t).open(t, path)
		replies[path].greeted(t)
	}
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // Tests need no secret.
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
				if _, err := b.hub.PublishBatch(t.Context(), all[begin:begin+size]...); err != nil {
					t.Fatalf("PublishBatch: %v", err)
				}
			case i < begin, i >= begin+size:
				if _, err := b.hub.Publish(t.Context(), p.Channel, p.Event, core.Only(p.To)); err != nil {
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
				r.wantData(t, p.Event.Data)
				got[path]++
				if i >= begin && i < begin+size {
					if first == 0 {
						first = got[path]
					}
					last = got[path]
				}
			}
			if at := log[path].parted(first, last); at > 0 {
				t.Fatalf("%s, turn %d: got a write that ended with event %d, of %d to %d that were published together",
					path, turn, at, first, last)
			}
		}
	}
}

// testForget has a channel forgotten: who is there notices nothing, who comes
// back without having seen all of it is told.
func testForget(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	b.get("/", b.gate(core.GateConfig{Start: core.Earliest()}).Subscribe("news"))
	b.start(t)
	there := b.client(t).open(t, "/")
	ids := b.publish(t, "news", core.Event{Data: "1"}, core.Event{Data: "2"})
	there.wantData(t, "1")
	there.wantData(t, "2")
	if err := b.hub.Forget(t.Context(), "news"); err != nil {
		t.Fatalf("Forget: %v", err)
	}
	missed := b.client(t).open(t, "/", "Last-Event-ID", ids[0])
	if ev := missed.event(t); ev.Name != core.ResetEvent || !strings.HasPrefix(ev.Data, `{"reason":"trimmed",`) {
		t.Errorf("after the first of two: got %+v, want a reset", ev)
	}
	seen := b.client(t).open(t, "/", "Last-Event-ID", ids[1])
	id, err := b.hub.Publish(t.Context(), "news", core.Event{Data: "3"}, core.Once("k"))
	if err != nil {
		t.Fatalf("Publish: %v", err)
	}
	again, err := b.hub.Publish(t.Context(), "news", core.Event{Data: "not this"}, core.Once("k"))
	if err != nil || again != id {
		t.Errorf("Publish again: got ID %q, %v, want the first, %q", again, err, id)
	}
	b.publish(t, "news", core.Event{Data: "4"})
	for _, r := range []*reply{there, missed, seen} {
		if ev := r.wantData(t, "3"); ev.ID != id {
			t.Errorf("ID: got %q, want %q", ev.ID, id)
		}
		r.wantData(t, "4")
	}
}
