//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

func testDrain(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{})
	f.Get("/handler", gate.Handle(func(s *core.Sender) error {
		<-s.Draining()
		return s.Send(core.Event{Data: "the rest of the answer"})
	}))
	f.Get("/stubborn", gate.Handle(wait))
	f.Get("/channel", gate.Subscribe("news"))
	f.Start(t)
	c := f.Client(t)
	handler, stubborn := c.Open(t, "/handler"), c.Open(t, "/stubborn")
	channels := []*ssetest.Reply{c.Open(t, "/channel"), c.Open(t, "/channel")}
	for _, r := range channels {
		r.Prelude(t)
		r.MustBlock(t)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- f.Hub.Drain(ctx) }()
	handler.WantData(t, "the rest of the answer")
	handler.WantEnd(t)
	// The drain has begun, and goes on until its context ends: one handler does
	// not return.
	r := c.Get(t, "/channel")
	if got := r.Header.Get("Retry-After"); r.StatusCode != http.StatusServiceUnavailable || got == "" {
		t.Errorf("new stream: got %s and Retry-After %q, want 503 and some seconds", r.Status, got)
	}
	for _, r := range channels {
		if got := r.MustBlock(t); !strings.HasPrefix(got, "retry: ") {
			t.Errorf("farewell: got %q, want a time to reconnect", got)
		}
		r.WantEnd(t)
	}
	stubborn.WantEnd(t)
	if err := ssetest.Receive(t, drained, "end of the drain"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain: got %v, want that its context ended", err)
	}
	f.Empty(t)
	draining := 0
	for range 4 {
		if sum := f.Closed(t); errors.Is(sum.Reason, core.ErrDraining) {
			draining++
		}
	}
	if draining != 3 { // all but the handler that finished
		t.Errorf("streams ended by the drain: got %d, want 3", draining)
	}
}

// testExtraInput sends more than a request. The client still gets the farewell
// and an orderly end: closing a connection with input left would reset it.
func testExtraInput(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	f.Get("/channel", f.Gate(core.GateConfig{}).Subscribe("news"))
	f.Start(t)
	replies := make([]*ssetest.Reply, 10)
	for i := range replies {
		conn := f.RawConn(t)
		replies[i] = conn.MustAsk(t, ssetest.Request("/channel", "1.1"))
		replies[i].Prelude(t)
		replies[i].Position(t)
		if _, err := io.WriteString(conn, strings.Repeat("extra input\n", 1000)); err != nil {
			t.Fatalf("extra input: %v", err)
		}
	}
	if err := f.Hub.Drain(t.Context()); err != nil {
		t.Errorf("Drain: %v", err)
	}
	for i, r := range replies {
		if rest := r.Text(t); !strings.Contains(rest, "retry: ") {
			t.Errorf("client %d, the rest: got %q, want a farewell", i, rest)
		}
	}
}

func testHubClose(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	sent := make(chan struct{}, 2)
	gate := f.Gate(core.GateConfig{Middleware: []core.Middleware{func(s *core.Handshake) error {
		s.OnDeliver(func(int, int) { sent <- struct{}{} })
		return nil
	}}})
	f.Get("/handler", gate.Handle(wait))
	f.Get("/channel", gate.Subscribe("news"))
	f.Start(t)
	c := f.Client(t)
	replies := []*ssetest.Reply{c.Open(t, "/handler"), c.Open(t, "/channel")}
	for range replies {
		ssetest.Receive(t, sent, "prelude") // Close cuts a write in progress
	}
	if err := f.Hub.Close(); err != nil {
		t.Errorf("Close: got %v, want nil", err)
	}
	for _, r := range replies {
		r.WantEnd(t)
		if got := f.Closed(t); !errors.Is(got.Reason, core.ErrHubClosed) {
			t.Errorf("summary: got %+v, want ErrHubClosed", got)
		}
	}
	f.Empty(t)
}

// testShutdown shuts the server down while streams are open, without the hub.
func testShutdown(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{})
	f.Get("/handler", gate.Handle(wait))
	f.Get("/channel", gate.Subscribe("news"))
	f.Get("/once", gate.OneShot(func(s *core.Handshake) (core.Event, error) {
		<-s.Done()
		return core.Event{}, s.Err()
	}))
	f.Start(t)
	var all sync.WaitGroup
	ends := make(chan error, 20)
	for range 5 {
		for _, path := range []string{"/handler", "/channel"} {
			r := f.Client(t).Open(t, path)
			r.Prelude(t)
			all.Go(func() {
				ev, err := r.Next()
				if err == nil {
					err = fmt.Errorf("event %+v", ev)
				}
				ends <- err
			})
		}
	}
	f.Stop(t)
	all.Wait()
	for range 10 {
		if err := <-ends; err == nil || err.Error() != "EOF" {
			t.Errorf("end of a stream: got %v, want EOF", err)
		}
		if got := f.Closed(t); !errors.Is(got.Reason, core.ErrDraining) {
			t.Errorf("summary: got %+v, want ErrDraining", got)
		}
	}
	f.Empty(t)
}
