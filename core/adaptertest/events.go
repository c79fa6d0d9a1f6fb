//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

func testEvents(t *testing.T, e ssetest.Env) {
	const events = 50
	f := ssetest.New(t, e, core.HubConfig{})
	next := make(chan core.Event)
	f.Get("/", f.Gate(core.GateConfig{}).Handle(func(s *core.Sender) error { return s.Forward(next) }))
	f.Start(t)
	r := f.Client(t).Open(t, "/")
	for i := range events {
		want := core.Event{ID: "id " + strconv.Itoa(i), Name: "tick", Data: "one\n two é 世界 🎈\n\n" + strconv.Itoa(i)}
		// Each event is sent after the one before has arrived.
		next <- want
		if got := r.Event(t); got != want {
			t.Fatalf("event %d: got %+v, want %+v", i, got, want)
		}
	}
	close(next)
	r.WantEnd(t)
	sum := f.Closed(t)
	if sum.Events != events || sum.Reason != core.ErrClosed || !sum.Opened {
		t.Errorf("summary: got %+v, want %d events and ErrClosed", sum, events)
	}
}

func testBigEvent(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{MaxEvent: 4 << 20, RingBytes: 8 << 20})
	big := core.Event{Name: "big", Data: strings.Repeat("line é 世界 🎈\n", 1<<20/22) + strings.Repeat("x", 1<<20-100)}
	small := core.Event{Data: "small"}
	gate := f.Gate(core.GateConfig{})
	f.Get("/handler", gate.Handle(func(s *core.Sender) error { return s.Send(big, small) }))
	f.Get("/channel", gate.Subscribe("news"))
	f.Start(t)
	for _, path := range []string{"/handler", "/channel"} {
		r := f.Client(t).Open(t, path)
		if path == "/channel" {
			f.Publish(t, "news", big, small)
		}
		got := r.Event(t)
		if got.Data != big.Data || got.Name != big.Name {
			t.Errorf("%s, event of %d bytes: got %d bytes, name %q", path, len(big.Data), len(got.Data), got.Name)
		}
		r.WantData(t, "small")
	}
}

func testManySenders(t *testing.T, e ssetest.Env) {
	const senders, each = 50, 20
	f := ssetest.New(t, e, core.HubConfig{})
	f.Get("/", f.Gate(core.GateConfig{}).Handle(func(s *core.Sender) error {
		var all sync.WaitGroup
		for n := range senders {
			all.Go(func() {
				for i := range each {
					ev := core.Event{Name: strconv.Itoa(n), Data: fmt.Sprintf("%d\n%s\n%d", i, strings.Repeat("x", n), n)}
					if err := s.Send(ev); err != nil {
						return
					}
				}
			})
		}
		all.Wait()
		return nil
	}))
	f.Start(t)
	r := f.Client(t).Open(t, "/")
	var next [senders]int
	for range senders * each {
		ev := r.Event(t)
		n, err := strconv.Atoi(ev.Name)
		if err != nil || n < 0 || n >= len(next) {
			t.Fatalf("event's name: got %q, want a sender's number", ev.Name)
		}
		if want := fmt.Sprintf("%d\n%s\n%d", next[n], strings.Repeat("x", n), n); ev.Data != want {
			t.Fatalf("data of sender %d: got %q, want %q", n, ev.Data, want)
		}
		next[n]++
	}
	r.WantEnd(t)
}

func testHandlerReturns(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	// The server has no timeouts: they would replace a deadline that a stream
	// leaves on its connection.
	f.Timeout = 0
	const short = 300 * time.Millisecond
	gate := f.Gate(core.GateConfig{WriteTimeout: short})
	f.Get("/", gate.Handle(func(s *core.Sender) error { return s.Send(core.Event{Data: "all"}) }))
	f.Get("/once", gate.OneShot(func(*core.Handshake) (core.Event, error) { return core.Event{Data: "all"}, nil }))
	f.Start(t)
	c := f.Client(t)
	dialled := 0
	for round := range 2 {
		if round > 0 {
			ssetest.Pause(t.Context(), 2*short) // such a deadline would have passed
			dialled = c.Conns()
		}
		for _, path := range []string{"/", "/once"} {
			r := c.Open(t, path)
			r.WantData(t, "all")
			r.WantEnd(t)
			if got := f.Closed(t); got.Reason != core.ErrClosed {
				t.Errorf("reason: got %v, want ErrClosed", got.Reason)
			}
		}
	}
	// The transport of net/http may dial twice in the first round: it makes a new
	// connection available to others only after its first request has it.
	if got := c.Conns(); !e.Transport.HTTP1() && got != dialled {
		t.Errorf("connections of HTTP/2: got %d in the second round, want no new one", got-dialled)
	}
}

func testPanic(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{})
	f.Get("/handler", gate.Handle(func(s *core.Sender) error {
		if err := s.Send(core.Event{Data: "before"}); err != nil {
			return err
		}
		panic("oh handler")
	}))
	f.Get("/middleware", f.Gate(core.GateConfig{Middleware: []core.Middleware{
		func(*core.Handshake) error { panic("oh middleware") },
	}}).Handle(wait))
	f.Get("/once", gate.OneShot(func(*core.Handshake) (core.Event, error) { panic("oh once") }))
	f.Get("/choose", gate.SubscribeFunc(func(*core.Handshake) (core.Subscription, error) { panic("oh choose") }))
	f.Get("/filter", f.Gate(core.GateConfig{Middleware: []core.Middleware{func(s *core.Handshake) error {
		s.SetFilter(func(core.Delivery) bool { panic("oh filter") })
		return nil
	}}}).Subscribe("news"))
	f.Start(t)
	c := f.Client(t)
	r := c.Open(t, "/handler")
	r.WantData(t, "before")
	r.WantEnd(t)
	wantPanic(t, f, "oh handler", true)
	r = c.Open(t, "/filter")
	f.Publish(t, "news", core.Event{Data: "x"})
	r.WantEnd(t)
	wantPanic(t, f, "oh filter", true)
	for _, path := range []string{"/middleware", "/once", "/choose"} {
		r := c.Get(t, path)
		if r.StatusCode != http.StatusInternalServerError {
			t.Errorf("GET %s: got %s, want 500", path, r.Status)
		}
		if got := r.Text(t); strings.Contains(got, "oh ") {
			t.Errorf("GET %s, body: got %q, want nothing of the panic", path, got)
		}
		wantPanic(t, f, "oh "+path[1:], false)
	}
	f.Empty(t)
}

// wantPanic checks that a panic ended a stream and was logged.
func wantPanic(t *testing.T, f *ssetest.Fixture, value string, opened bool) {
	sum := f.Closed(t)
	if !errors.Is(sum.Reason, core.ErrPanic) || sum.Opened != opened {
		t.Errorf("summary after %q: got %+v, want ErrPanic, opened %t", value, sum, opened)
	}
	if !f.Log.Has("level=ERROR", value, "stack=") {
		t.Errorf("log after %q: got no line with it and a stack", value)
	}
}
