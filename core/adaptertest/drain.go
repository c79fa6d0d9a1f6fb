//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

func testDrain(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	gate := b.gate(core.GateConfig{})
	b.get("/handler", gate.Handle(func(s *core.Sender) error {
		<-s.Draining()
		return s.Send(core.Event{Data: "the rest of the answer"})
	}))
	b.get("/stubborn", gate.Handle(wait))
	b.get("/channel", gate.Subscribe("news"))
	b.start(t)
	c := b.client(t)
	handler, stubborn := c.open(t, "/handler"), c.open(t, "/stubborn")
	channels := []*reply{c.open(t, "/channel"), c.open(t, "/channel")}
	for _, r := range channels {
		r.greeted(t)
		r.mustBlock(t)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- b.hub.Drain(ctx) }()
	handler.wantData(t, "the rest of the answer")
	handler.wantEnd(t)
	// The drain has begun, and goes on until its context ends: a handler is
	// stubborn.
	r := c.ask(t, "/channel")
	if got := r.Header.Get("Retry-After"); r.StatusCode != http.StatusServiceUnavailable || got == "" {
		t.Errorf("new stream: got %s and Retry-After %q, want 503 and some seconds", r.Status, got)
	}
	for _, r := range channels {
		if got := r.mustBlock(t); !strings.HasPrefix(got, "retry: ") {
			t.Errorf("farewell: got %q, want a time to reconnect", got)
		}
		r.wantEnd(t)
	}
	stubborn.wantEnd(t)
	if err := receive(t, drained, "end of the drain"); !wraps(err, context.DeadlineExceeded) {
		t.Errorf("Drain: got %v, want that its context ended", err)
	}
	b.empty(t)
	draining := 0
	for range 4 {
		if sum := b.closed(t); wraps(sum.Reason, core.ErrDraining) {
			draining++
		}
	}
	if draining != 3 { // all but the handler that finished
		t.Errorf("streams ended by the drain: got %d, want 3", draining)
	}
}

// testExtraInput has clients that send more than their request. They still get
// the farewell and a decent end: a connection that is closed with input left is
// reset.
func testExtraInput(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	b.get("/channel", b.gate(core.GateConfig{}).Subscribe("news"))
	b.start(t)
	const clients = 10
	bodies := make([]*bufio.Reader, clients)
	for i := range bodies {
		conn, _ := b.dial(t)
		resp := exchange(t, conn, bufio.NewReader(conn), //nolint:bodyclose // The test's cleanup does it.
			"GET /channel HTTP/1.1\r\nHost: a.example\r\n\r\n")
		bodies[i] = bufio.NewReader(resp.Body)
		for {
			line, err := bodies[i].ReadString('\n')
			if err != nil {
				t.Fatalf("greeting: got %q and %v", line, err)
			}
			if strings.HasPrefix(line, "id: ") {
				break
			}
		}
		if _, err := io.WriteString(conn, strings.Repeat("extra input\n", 1000)); err != nil {
			t.Fatalf("extra input: %v", err)
		}
	}
	if err := b.hub.Drain(t.Context()); err != nil {
		t.Errorf("Drain: %v", err)
	}
	for i, body := range bodies {
		rest, err := io.ReadAll(body)
		if err != nil || !strings.Contains(string(rest), "retry: ") {
			t.Errorf("client %d, the rest: got %q and %v, want a farewell and the end", i, rest, err)
		}
	}
}

func testHubClose(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	sent := make(chan struct{}, 2)
	gate := b.gate(core.GateConfig{Middleware: []core.Middleware{func(s *core.Handshake) error {
		s.OnDeliver(func(int, int) { sent <- struct{}{} })
		return nil
	}}})
	b.get("/handler", gate.Handle(wait))
	b.get("/channel", gate.Subscribe("news"))
	b.start(t)
	c := b.client(t)
	replies := []*reply{c.open(t, "/handler"), c.open(t, "/channel")}
	for range replies {
		receive(t, sent, "greeting") // a write in progress would be cut
	}
	if err := b.hub.Close(); err != nil {
		t.Errorf("Close: got %v, want nil", err)
	}
	for _, r := range replies {
		r.wantEnd(t)
		if got := b.closed(t); !wraps(got.Reason, core.ErrHubClosed) {
			t.Errorf("summary: got %+v, want ErrHubClosed", got)
		}
	}
	b.empty(t)
}

// testShutdown shuts the server down while streams are open. The program does
// not tell the hub.
func testShutdown(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	gate := b.gate(core.GateConfig{})
	b.get("/handler", gate.Handle(wait))
	b.get("/channel", gate.Subscribe("news"))
	b.get("/once", gate.OneShot(func(s *core.Handshake) (core.Event, error) {
		<-s.Done()
		return core.Event{}, s.Err()
	}))
	b.start(t)
	var all sync.WaitGroup
	ends := make(chan error, 20)
	for range 5 {
		for _, path := range []string{"/handler", "/channel"} {
			r := b.client(t).open(t, path)
			r.greeted(t)
			all.Go(func() {
				ev, err := r.read()
				if err == nil {
					err = fmt.Errorf("event %+v", ev)
				}
				ends <- err
			})
		}
	}
	b.stop(t)
	all.Wait()
	for range 10 {
		if err := <-ends; err == nil || err.Error() != "EOF" {
			t.Errorf("end of a stream: got %v, want EOF", err)
		}
		if got := b.closed(t); !wraps(got.Reason, core.ErrDraining) {
			t.Errorf("summary: got %+v, want ErrDraining", got)
		}
	}
	b.empty(t)
}
