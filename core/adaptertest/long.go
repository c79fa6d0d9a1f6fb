//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// testLongStreams keeps streams open for longer than every timeout of the server:
// that time passes once for all of them. One client reads a big answer that late.
func testLongStreams(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
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
	silent := f.Gate(core.GateConfig{})
	beating := f.Gate(core.GateConfig{Heartbeat: 300 * time.Millisecond})
	unbound := f.Gate(core.GateConfig{WriteTimeout: -1})
	slow := f.Gate(core.GateConfig{Middleware: []core.Middleware{block}})
	f.Get("/silent", silent.Handle(both))
	f.Post("/silent", silent.Handle(both))
	f.Get("/beating", beating.Handle(both))
	f.Get("/unbound", unbound.Handle(both))
	f.Get("/channel", silent.Subscribe("news"))
	f.Get("/channel/beating", beating.Subscribe("news"))
	f.Get("/channel/unbound", unbound.Subscribe("news"))
	f.Get("/once", silent.OneShot(func(s *core.Handshake) (core.Event, error) {
		return core.Event{Data: "late"}, block(s)
	}))
	f.Get("/slow", slow.Handle(func(s *core.Sender) error { return s.Send(core.Event{Data: "late"}) }))
	f.Get("/slow/channel", slow.SubscribeFunc(func(*core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{"news"}, Start: core.Earliest()}, nil
	}))
	const big = 8
	data := strings.Repeat("x", 1<<20)
	f.Get("/big", silent.Handle(func(s *core.Sender) error {
		return s.Send(slices.Repeat([]core.Event{{Data: data}}, big)...)
	}))
	f.Start(t)

	late := f.NarrowClient(t, 0, 64<<10).Open(t, "/big")
	var all sync.WaitGroup
	run := func(method, path string, want ...string) {
		c := f.Client(t)
		all.Go(func() {
			if err := collect(c, method, path, want); err != nil {
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
		ssetest.Receive(t, began, "request")
	}
	f.Streams(t, 9)
	f.Publish(t, "news", core.Event{Data: "early"})
	ssetest.Pause(t.Context(), 2*ssetest.Timeout+ssetest.Timeout/5)
	f.Publish(t, "news", core.Event{Data: "late"})
	close(later)
	for range big {
		if got := late.Event(t).Data; got != data {
			t.Fatalf("event: got %d bytes, want %d", len(got), len(data))
		}
	}
	late.WantEnd(t)
	all.Wait()
}

// collect reads events that must have these data.
func collect(c *ssetest.Client, method, path string, want []string) error {
	r, err := c.Do(method, path, strings.NewReader(""))
	if err != nil {
		return err
	}
	defer r.Cancel()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("got %s, want 200", r.Status)
	}
	for i, data := range want {
		ev, err := r.Next()
		if err != nil || ev.Data != data {
			return fmt.Errorf("event %d: got %+v and %v, want %q", i, ev, err, data)
		}
	}
	return nil
}
