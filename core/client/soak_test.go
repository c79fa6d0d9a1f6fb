package client_test

import (
	"flag"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/client"
)

var manyEvents = flag.Int("events", 200_000, "how many events TestMemory reads, 10000000 for the long one")

// endless is a body of so many events.
type endless struct {
	n, left int
	rest    []byte
	buf     []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.left == 0 {
			return 0, io.EOF
		}
		e.buf = e.buf[:0]
		for range min(e.left, 50) {
			e.n++
			e.left--
			e.buf, _ = core.AppendEvent(e.buf, core.Event{ID: strconv.Itoa(e.n), Name: "quote", Data: `{"stock":"IBM","value":567.29}`})
		}
		e.rest = e.buf
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func (e *endless) Close() error { return nil }

// TestMemory reads very many events, on many connections: what is kept in
// memory does not grow.
func TestMemory(t *testing.T) { //nolint:paralleltest // It looks at the heap, which others would change.
	const perStream = 50_000
	made := 0
	c := create(t, client.Config{
		URL: "http://a.example", IdleTimeout: time.Minute, Backoff: client.Backoff{Delay: -1, Healthy: -1},
		HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			want := ""
			if made > 0 {
				want = strconv.Itoa(made)
			}
			equal(t, "Last-Event-ID", r.Header.Get("Last-Event-ID"), want)
			if made >= *manyEvents {
				return response(http.StatusNoContent, ""), nil
			}
			resp := response(http.StatusOK, "", "Content-Type", "text/event-stream")
			resp.Body = &endless{n: made, left: perStream}
			made += perStream
			return resp, nil
		})},
	})
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	var first, most int64
	events, begin := 0, time.Now()
	for ev, err := range c.Events(t.Context()) {
		if err != nil {
			t.Fatalf("got error %v, want none", err)
		}
		if events++; ev.ID != strconv.Itoa(events) {
			t.Fatalf("event %d: got ID %q, want its number", events, ev.ID)
		}
		if events == 10_000 {
			first = heap()
		} else if events%(max(*manyEvents, 10)/10) == 0 {
			most = max(most, heap())
		}
	}
	equal(t, "events", events, made)
	t.Logf("%d events on %d connections in %v; heap: %d KiB after 10,000 events, at most %d KiB later",
		events, made/perStream, time.Since(begin).Round(time.Millisecond), first>>10, most>>10)
	if most-first > 4<<20 {
		t.Errorf("heap: got %d KiB more than at first, want it flat", (most-first)>>10)
	}
}
