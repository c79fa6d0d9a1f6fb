//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// heapInUse returns how many bytes of the heap are in use.
func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC() // twice, since what pools hold goes with the second
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // It is far below.
}

// testHeap has a thousand clients take nothing of a flood: memory stays within
// what the hub is given, and what one stream may hold.
func testHeap(t *testing.T, e env) {
	const (
		clients, event, page = 1000, 1 << 10, 8 << 10
		ring, history        = 512 << 10, 1 << 20
		events               = 60_000
	)
	b := newBed(t, e, core.HubConfig{
		PageBytes: page, Store: core.NewMemoryStore(core.Retention{Bytes: history}),
		Channels: []core.ChannelConfig{{Pattern: "*", Slow: core.Skip, RingBytes: ring}},
	})
	b.sendBuffer = 16 << 10
	b.get("/", b.gate(core.GateConfig{WriteTimeout: -1}).Subscribe("news"))
	b.start(t)
	ev := core.Event{Data: strings.Repeat("x", event)}
	b.publish(t, "news", ev)
	before := heapInUse()
	conns := make([]net.Conn, clients)
	t.Cleanup(func() {
		for _, conn := range conns {
			if conn != nil {
				_ = conn.Close()
			}
		}
	})
	d := net.Dialer{Timeout: patience, Control: func(network, address string, c rawConn) error {
		if err := small(network, address, c); err != nil {
			return err
		}
		return buffer(c, 4<<10, false)
	}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.addr+"/", nil)
	if err != nil {
		t.Fatalf("request: %v", err)
	}
	for i := range conns {
		conn, err := d.DialContext(t.Context(), "tcp4", b.addr)
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		conns[i] = conn
		if err := req.Write(conn); err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		if i%20 == 19 { // they stop at different events
			eventually(t, "open streams", i+1, func() int { return b.hub.Stats().Streams })
			for range 150 {
				b.publish(t, "news", ev)
			}
		}
	}
	began := time.Now()
	for range events {
		b.publish(t, "news", ev)
	}
	took := time.Since(began)
	grown := heapInUse() - before
	t.Logf("%d events in %v, heap grew by %d KiB", events, took.Round(time.Millisecond), grown>>10)
	if got := b.hub.Stats().Streams; got != clients {
		t.Errorf("streams: got %d, want %d", got, clients)
	}
	cost := int64(4 << 10) // of a stream, beside what is to be sent
	if e.conn == core.ResponseConn {
		cost = 56 << 10 // the frameworks have buffers of their own
	}
	if bound := ring + history + clients*(page+event+cost) + 1<<20; grown > bound {
		t.Errorf("got %d bytes more in use, want %d at most", grown, bound)
	}
	if err := b.hub.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}
