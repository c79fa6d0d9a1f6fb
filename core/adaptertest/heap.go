//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// testHeap publishes far more than a thousand clients read. Memory stays within
// the bounds of the hub and of each stream.
func testHeap(t *testing.T, e ssetest.Env) {
	const (
		clients, event, page = 1000, 1 << 10, 8 << 10
		ring, history        = 512 << 10, 1 << 20
		events               = 60_000
	)
	f := ssetest.New(t, e, core.HubConfig{
		PageBytes: page, Store: core.NewMemoryStore(core.Retention{Bytes: history}),
		Channels: []core.ChannelConfig{{Pattern: "*", Slow: core.Skip, RingBytes: ring}},
	})
	f.SendBuffer = 16 << 10
	f.Get("/", f.Gate(core.GateConfig{WriteTimeout: -1}).Subscribe("news"))
	f.Start(t)
	ev := core.Event{Data: strings.Repeat("x", event)}
	f.Publish(t, "news", ev)
	before := ssetest.HeapInUse()
	request := ssetest.Request("/", "1.1")
	for i := range clients {
		conn, err := f.Dial(t.Context(), 4<<10)
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		t.Cleanup(func() { conn.Cut(false) })
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		if i%20 == 19 { // they stop at different events
			f.Streams(t, i+1)
			for range 150 {
				f.Publish(t, "news", ev)
			}
		}
	}
	began := time.Now()
	for range events {
		f.Publish(t, "news", ev)
	}
	took := time.Since(began)
	grown := ssetest.HeapInUse() - before
	t.Logf("%d events in %v, heap grew by %d KiB", events, took.Round(time.Millisecond), grown>>10)
	if got := f.Hub.Stats().Streams; got != clients {
		t.Errorf("streams: got %d, want %d", got, clients)
	}
	cost := int64(4 << 10) // of a stream, beside its events
	if e.Conn == core.ResponseConn {
		cost = 56 << 10 // the frameworks have buffers of their own
	}
	if bound := ring + history + clients*(page+event+cost) + 1<<20; grown > bound {
		t.Errorf("got %d bytes more in use, want %d at most", grown, bound)
	}
	if err := f.Hub.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}
