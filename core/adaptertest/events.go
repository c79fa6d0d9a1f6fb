//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tidings-go/tidings/core"
)

func testEvents(t *testing.T, e env) {
	const events = 50
	b := newBed(t, e, core.HubConfig{})
	next := make(chan core.Event)
	b.get("/", b.gate(core.GateConfig{}).Handle(func(s *core.Sender) error { return s.Forward(next) }))
	b.start(t)
	r := b.client(t).open(t, "/")
	for i := range events {
		want := core.Event{ID: "id " + strconv.Itoa(i), Name: "tick", Data: "one\n two é 世界 🎈\n\n" + strconv.Itoa(i)}
		// The next one is sent only when this one has arrived.
		next <- want
		if got := r.event(t); got != want {
			t.Fatalf("event %d: got %+v, want %+v", i, got, want)
		}
	}
	close(next)
	r.wantEnd(t)
	sum := b.closed(t)
	if sum.Events != events || sum.Reason != core.ErrClosed || !sum.Opened {
		t.Errorf("summary: got %+v, want %d events and ErrClosed", sum, events)
	}
}

func testBigEvent(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{MaxEvent: 4 << 20, RingBytes: 8 << 20})
	big := core.Event{Name: "big", Data: strings.Repeat("line é 世界 🎈\n", 1<<20/22) + strings.Repeat("x", 1<<20-100)}
	small := core.Event{Data: "small"}
	gate := b.gate(core.GateConfig{})
	b.get("/handler", gate.Handle(func(s *core.Sender) error { return s.Send(big, small) }))
	b.get("/channel", gate.Subscribe("news"))
	b.start(t)
	for _, path := range []string{"/handler", "/channel"} {
		r := b.client(t).open(t, path)
		if path == "/channel" {
			b.publish(t, "news", big, small)
		}
		got := r.event(t)
		if got.Data != big.Data || got.Name != big.Name {
			t.Errorf("%s, event of %d bytes: got %d bytes, name %q", path, len(big.Data), len(got.Data), got.Name)
		}
		r.wantData(t, "small")
	}
}

func testManySenders(t *testing.T, e env) {
	const senders, each = 50, 20
	b := newBed(t, e, core.HubConfig{})
	b.get("/", b.gate(core.GateConfig{}).Handle(func(s *core.Sender) error {
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
	b.start(t)
	r := b.client(t).open(t, "/")
	var next [senders]int
	for range senders * each {
		ev := r.event(t)
		n, err := strconv.Atoi(ev.Name)
		if err != nil || n < 0 || n >= len(next) {
			t.Fatalf("event's name: got %q, want a sender's number", ev.Name)
		}
		if want := fmt.Sprintf("%d\n%s\n%d", next[n], strings.Repeat("x", n), n); ev.Data != want {
			t.Fatalf("data of sender %d: got %q, want %q", n, ev.Data, want)
		}
		next[n]++
	}
	r.wantEnd(t)
}

func testHandlerReturns(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	// The server has no timeouts of its own that would put right what a
	// stream leaves on its connection.
	b.timeout = 0
	const short = 300 // milliseconds
	gate := b.gate(core.GateConfig{WriteTimeout: short * 1e6})
	b.get("/", gate.Handle(func(s *core.Sender) error { return s.Send(core.Event{Data: "all"}) }))
	b.get("/once", gate.OneShot(func(*core.Handshake) (core.Event, error) { return core.Event{Data: "all"}, nil }))
	b.start(t)
	c := b.client(t)
	var dialled []int // connections after each round
	for range 2 {
		for _, path := range []string{"/", "/once"} {
			r := c.open(t, path)
			r.wantData(t, "all")
			r.wantEnd(t)
			if got := b.closed(t); got.Reason != core.ErrClosed {
				t.Errorf("reason: got %v, want ErrClosed", got.Reason)
			}
		}
		dialled = append(dialled, len(c.conns))
		pause(t.Context(), 2*short*1e6)
	}
	// A transport of net/http may dial twice in the first round: it makes a new
	// connection available to others only after its first request has it.
	if !e.transport.http1() && dialled[1] != dialled[0] {
		t.Errorf("connections of HTTP/2 after each round: got %d, want no new one", dialled)
	}
}

func testPanic(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	gate := b.gate(core.GateConfig{})
	b.get("/handler", gate.Handle(func(s *core.Sender) error {
		if err := s.Send(core.Event{Data: "before"}); err != nil {
			return err
		}
		panic("oh handler")
	}))
	b.get("/middleware", b.gate(core.GateConfig{Middleware: []core.Middleware{
		func(*core.Handshake) error { panic("oh middleware") },
	}}).Handle(wait))
	b.get("/once", gate.OneShot(func(*core.Handshake) (core.Event, error) { panic("oh once") }))
	b.get("/choose", gate.SubscribeFunc(func(*core.Handshake) (core.Subscription, error) { panic("oh choose") }))
	b.get("/filter", b.gate(core.GateConfig{Middleware: []core.Middleware{func(s *core.Handshake) error {
		s.SetFilter(func(core.Delivery) bool { panic("oh filter") })
		return nil
	}}}).Subscribe("news"))
	b.start(t)
	c := b.client(t)
	r := c.open(t, "/handler")
	r.wantData(t, "before")
	r.wantEnd(t)
	b.wantPanic(t, "oh handler", true)
	r = c.open(t, "/filter")
	b.publish(t, "news", core.Event{Data: "x"})
	r.wantEnd(t)
	b.wantPanic(t, "oh filter", true)
	for _, path := range []string{"/middleware", "/once", "/choose"} {
		r := c.ask(t, path)
		if r.StatusCode != http.StatusInternalServerError {
			t.Errorf("GET %s: got %s, want 500", path, r.Status)
		}
		if got := r.text(t); strings.Contains(got, "oh ") {
			t.Errorf("GET %s, body: got %q, want nothing of the panic", path, got)
		}
		b.wantPanic(t, "oh "+path[1:], false)
	}
	b.empty(t)
}

// wantPanic checks that a panic ended a stream and was logged.
func (b *bed) wantPanic(t *testing.T, value string, opened bool) {
	t.Helper()
	sum := b.closed(t)
	if !wraps(sum.Reason, core.ErrPanic) || sum.Opened != opened {
		t.Errorf("summary after %q: got %+v, want ErrPanic, opened %t", value, sum, opened)
	}
	if !b.log.has("level=ERROR", value, "stack=") {
		t.Errorf("log after %q: got no line with it and a stack", value)
	}
}
