//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

func testOnce(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	b.get("/", b.gate(core.GateConfig{}).OneShot(func(s *core.Handshake) (core.Event, error) {
		n, err := strconv.Atoi(s.LastEventID())
		switch {
		case s.LastEventID() == "":
			n = 0
		case err != nil:
			return core.Event{}, core.Refuse(http.StatusBadRequest, "No number.")
		case n == 3:
			return core.Event{}, core.Finished()
		}
		return core.Event{ID: strconv.Itoa(n + 1), Name: "count", Data: "a\nb", Retry: 1500 * time.Millisecond}, nil
	}))
	b.start(t)
	c := b.client(t)
	last := ""
	for _, want := range []string{"1", "2", "3"} {
		r := c.open(t, "/", lastID(last)...)
		if got := r.Header.Get("Content-Type"); got != "text/event-stream" {
			t.Errorf("Content-Type: got %q, want text/event-stream", got)
		}
		if len(r.TransferEncoding) > 0 {
			t.Errorf("transfer encoding: got %q, want none", r.TransferEncoding)
		}
		body := "event: count\nretry: 1500\ndata: a\ndata: b\nid: " + want + "\n\n"
		if got := r.text(t); got != body {
			t.Errorf("body: got %q, want %q", got, body)
		}
		if got := b.closed(t); !got.Opened || got.Events != 1 || got.Bytes != int64(len(body)) {
			t.Errorf("summary: got %+v, want 1 event of %d bytes", got, len(body))
		}
		last = want
	}
	if got := c.ask(t, "/", lastID(last)...); got.StatusCode != http.StatusNoContent {
		t.Errorf("after the last one: got %s, want 204", got.Status)
	}
	if got := c.ask(t, "/", lastID("x")...); got.StatusCode != http.StatusBadRequest {
		t.Errorf("after an ID that is none: got %s, want 400", got.Status)
	}
	b.empty(t)
}

// counter is a controller.
type counter struct {
	connected, disconnected chan string
}

// Connected implements [core.Connector].
func (c *counter) Connected(s *core.Sender) error {
	c.connected <- s.LastEventID()
	return s.Comment("connected")
}

// Disconnected implements [core.Disconnector].
func (c *counter) Disconnected(s *core.Sender) { c.disconnected <- s.LastEventID() }

// Events implements [core.Controller].
func (c *counter) Events(_ *core.Sender, lastID string) ([]core.Event, time.Duration, error) {
	n, _ := strconv.Atoi(lastID)
	return []core.Event{{ID: strconv.Itoa(n + 1), Data: "one"}, {ID: strconv.Itoa(n + 2), Data: "two"}}, time.Millisecond, nil
}

func testController(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	ctl := &counter{connected: make(chan string, 1), disconnected: make(chan string, 1)}
	b.get("/", b.gate(core.GateConfig{}).Handle(core.Control(ctl)))
	b.start(t)
	r := b.client(t).open(t, "/", "Last-Event-ID", "40")
	if got := receive(t, ctl.connected, "call of Connected"); got != "40" {
		t.Errorf("last event ID at Connected: got %q, want 40", got)
	}
	for i := 41; i < 51; i++ {
		ev := r.event(t)
		if want := []string{"two", "one"}[i%2]; ev.ID != strconv.Itoa(i) || ev.Data != want {
			t.Fatalf("event: got %+v, want %q with ID %d", ev, want, i)
		}
	}
	r.close()
	receive(t, ctl.disconnected, "call of Disconnected")
	b.wantGone(t, true)
}
