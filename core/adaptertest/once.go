//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

func testOnce(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	f.Get("/", f.Gate(core.GateConfig{}).OneShot(func(s *core.Handshake) (core.Event, error) {
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
	f.Start(t)
	c := f.Client(t)
	last := ""
	for _, want := range []string{"1", "2", "3"} {
		r := c.Open(t, "/", ssetest.LastEventID(last)...)
		if got := r.Header.Get("Content-Type"); got != "text/event-stream" {
			t.Errorf("Content-Type: got %q, want text/event-stream", got)
		}
		if len(r.TransferEncoding) > 0 {
			t.Errorf("transfer encoding: got %q, want none", r.TransferEncoding)
		}
		body := "event: count\nretry: 1500\ndata: a\ndata: b\nid: " + want + "\n\n"
		if got := r.Text(t); got != body {
			t.Errorf("body: got %q, want %q", got, body)
		}
		if got := f.Closed(t); !got.Opened || got.Events != 1 || got.Bytes != int64(len(body)) {
			t.Errorf("summary: got %+v, want 1 event of %d bytes", got, len(body))
		}
		last = want
	}
	if got := c.Get(t, "/", ssetest.LastEventID(last)...); got.StatusCode != http.StatusNoContent {
		t.Errorf("after the last one: got %s, want 204", got.Status)
	}
	if got := c.Get(t, "/", ssetest.LastEventID("x")...); got.StatusCode != http.StatusBadRequest {
		t.Errorf("after an ID that is none: got %s, want 400", got.Status)
	}
	f.Empty(t)
}
