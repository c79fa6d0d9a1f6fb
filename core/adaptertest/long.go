//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// testLongStreams has streams outlive every timeout of the server. It lets
// that time pass once for all of them.
func testLongStreams(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	later := make(chan struct{})
	began := make(chan struct{}, 16)
	both := func(s *core.Sender) error {
		if err := s.Send(core.Event{Data: "early"}); err != nil {
			return err
		}
		began <- struct{}{}
		select {
		case <-later:
			return s.Send(core.Event{Data: "late"})
		case <-s.Done():
			return s.Err()
		}
	}
	block := func(s *core.Handshake) error {
		began <- struct{}{}
		select {
		case <-later:
			return nil
		case <-s.Done():
			return s.Err()
		}
	}
	silent := b.gate(core.GateConfig{})
	beating := b.gate(core.GateConfig{Heartbeat: 300 * time.Millisecond})
	unbound := b.gate(core.GateConfig{WriteTimeout: -1})
	slow := b.gate(core.GateConfig{Middleware: []core.Middleware{block}})
	b.get("/silent", silent.Handle(both))
	b.post("/silent", silent.Handle(both))
	b.get("/beating", beating.Handle(both))
	b.get("/unbound", unbound.Handle(both))
	b.get("/channel", silent.Subscribe("news"))
	b.get("/channel/beating", beating.Subscribe("news"))
	b.get("/channel/unbound", unbound.Subscribe("news"))
	b.get("/once", silent.OneShot(func(s *core.Handshake) (core.Event, error) {
		return core.Event{Data: "late"}, block(s)
	}))
	b.get("/slow", slow.Handle(func(s *core.Sender) error { return s.Send(core.Event{Data: "late"}) }))
	b.get("/slow/channel", slow.SubscribeFunc(func(*core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{"news"}, Start: core.Earliest()}, nil
	}))
	b.start(t)

	var all sync.WaitGroup
	run := func(method, path string, want ...string) {
		c := b.client(t)
		all.Go(func() {
			if err := c.collect(method, path, want); err != nil {
				t.Errorf("%s %s: %v", method, path, err)
			}
		})
	}
	run(http.MethodGet, "/silent", "early", "late")
	run(http.MethodPost, "/silent", "early", "late")
	run(http.MethodGet, "/beating", "early", "late")
	run(http.MethodGet, "/unbound", "early", "late")
	run(http.MethodGet, "/channel", "early", "late")
	run(http.MethodGet, "/channel/beating", "early", "late")
	run(http.MethodGet, "/channel/unbound", "early", "late")
	run(http.MethodGet, "/once", "late")
	run(http.MethodGet, "/slow", "late")
	run(http.MethodGet, "/slow/channel", "early", "late")
	for range 7 {
		receive(t, began, "request")
	}
	eventually(t, "open streams", 8, func() int { return b.hub.Stats().Streams })
	b.publish(t, "news", core.Event{Data: "early"})
	pause(t.Context(), 2*timeout+timeout/5)
	b.publish(t, "news", core.Event{Data: "late"})
	close(later)
	all.Wait()
}

// collect expects events with these data.
func (c *client) collect(method, path string, want []string) error {
	r, err := c.do(method, path, strings.NewReader(""))
	if err != nil {
		return err
	}
	defer r.close()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("got %s, want 200", r.Status)
	}
	for i, data := range want {
		ev, err := r.read()
		if err != nil || ev.Data != data {
			return fmt.Errorf("event %d: got %+v and %v, want %q", i, ev, err, data)
		}
	}
	return nil
}

// testPatience has a client take a big answer late, though in time for the
// gate's write timeout.
func testPatience(t *testing.T, e env) {
	const events = 8
	b := newBed(t, e, core.HubConfig{})
	data := strings.Repeat("x", 1<<20)
	b.get("/", b.gate(core.GateConfig{}).Handle(func(s *core.Sender) error {
		all := make([]core.Event, events)
		for i := range all {
			all[i] = core.Event{Data: data}
		}
		return s.Send(all...)
	}))
	b.start(t)
	r := b.narrowClient(t, 0, 64<<10).open(t, "/")
	pause(t.Context(), timeout+timeout/2)
	for range events {
		if got := r.event(t).Data; got != data {
			t.Fatalf("event: got %d bytes, want %d", len(got), len(data))
		}
	}
	r.wantEnd(t)
}
