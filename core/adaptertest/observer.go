//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// testObserver has an observer see streams of all kinds, and the way of an event
// with a trace. The hub's counts agree with what the clients got.
func testObserver(t *testing.T, e ssetest.Env) {
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	f := ssetest.New(t, e, core.HubConfig{})
	opened, refused, closed := make(chan string, 10), make(chan string, 10), make(chan string, 10)
	delivered := make(chan core.Delivered, 10)
	stop := f.Hub.Observe(core.Observer{
		Opened: func(h *core.Handshake, took time.Duration) {
			if took <= 0 {
				t.Errorf("time to open: got %v, want some", took)
			}
			opened <- h.Request().URL.Path
		},
		Refused: func(h *core.Handshake, sum core.Summary) {
			refused <- h.Request().URL.Path + " " + core.EndReason(sum.Reason)
		},
		Closed: func(_ *core.Stream, sum core.Summary) { closed <- core.EndReason(sum.Reason) },
		Publish: func(ctx context.Context, _ []core.Publication) core.Publishing {
			return core.Publishing{Context: ctx, Trace: trace}
		},
		Delivered: func(d core.Delivered) { delivered <- d },
	})
	defer stop()
	gate := f.Gate(core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
		if h.Request().URL.Path == "/refused" {
			return core.Refuse(http.StatusForbidden, "No.")
		}
		return nil
	}}})
	f.Get("/news", gate.Subscribe("news"))
	f.Get("/refused", gate.Subscribe("news"))
	f.Get("/handler", gate.Handle(func(s *core.Sender) error { return s.Send(core.Event{Data: "x"}, core.Event{Data: "y"}) }))
	f.Start(t)

	f.Client(t).Get(t, "/refused?token=secret").Cancel()
	if got := ssetest.Receive(t, refused, "refused stream"); got != "/refused forbidden" {
		t.Errorf("refused: got %q", got)
	}
	f.Client(t).Open(t, "/handler").Text(t)
	if got := ssetest.Receive(t, opened, "handler's stream"); got != "/handler" {
		t.Errorf("opened: got %q", got)
	}
	if got := ssetest.Receive(t, closed, "closed stream"); got != "closed" {
		t.Errorf("reason of a handler's stream: got %q", got)
	}
	_, r := f.Connect(t, "/news")
	r.Position(t)
	before := time.Now()
	id := f.Publish(t, "news", core.Event{Data: "1"})[0]
	r.WantData(t, "1")
	d := ssetest.Receive(t, delivered, "delivery")
	if d.Channel != "news" || d.ID != id || d.Trace != trace || d.Took < 0 ||
		d.Took > time.Since(before) || d.Published.After(time.Now()) {
		t.Errorf("delivery: got %+v, want %s with the trace", d, id)
	}
	r.Cancel()
	if got := ssetest.Receive(t, closed, "closed stream"); got != "client_gone" {
		t.Errorf("reason of a subscription: got %q", got)
	}
	f.Empty(t)
	got := f.Hub.Stats()
	if got.Opened != 2 || got.Closed["closed"] != 1 || got.Closed["client_gone"] != 1 || got.Refused["forbidden"] != 1 ||
		got.Delivered != 3 || got.Replayed != 0 || got.SentBytes == 0 {
		t.Errorf("counts: got %+v, want those of two streams with three events", got)
	}
}
