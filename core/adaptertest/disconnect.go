package adaptertest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// Disconnect measures how soon the server notices that a client is gone: from the
// close of the client's connection, with a FIN or with a RST, to the stream's
// close hooks. The server writes nothing meanwhile. The benchmark reports the
// median, the 99th percentile and the maximum; the time per operation also
// contains opening the stream. The clients run in the same process, and so some of
// the time is theirs.
func Disconnect(b *testing.B, adapter Adapter) {
	b.Helper()
	for _, e := range adapter.Envs() {
		paths := map[string]string{"/channel": "response", "/handler": "handler"}
		if e.Owned() {
			paths = map[string]string{"/channel": "owned"}
		}
		for path, name := range paths {
			for way, reset := range map[string]bool{"FIN": false, "RST": true} {
				b.Run(fmt.Sprintf("%s/%s/%s", e.Transport, name, way), func(b *testing.B) { disconnect(b, e, path, reset) })
			}
		}
	}
}

// others is the number of streams that stay open.
const others = 100

func disconnect(b *testing.B, e ssetest.Env, path string, reset bool) {
	b.Helper()
	f := ssetest.New(b, e, core.HubConfig{})
	gone := make(chan time.Time, 1)
	gate := f.Gate(core.GateConfig{Middleware: []core.Middleware{func(s *core.Handshake) error {
		s.OnClose(func(core.Summary) { // the last one to be set, it runs first
			select {
			case gone <- time.Now():
			default: // the others end with the benchmark
			}
		})
		return nil
	}}})
	f.Get("/channel", gate.Subscribe("news"))
	f.Get("/handler", gate.Handle(wait))
	f.Start(b)
	for range others {
		f.Client(b).Open(b, path).MustBlock(b)
	}
	took := make([]time.Duration, 0, 4096)
	for b.Loop() {
		c := f.Client(b)
		r := c.Open(b, path)
		r.MustBlock(b)
		began := time.Now()
		c.Cut(reset)
		took = append(took, ssetest.Receive(b, gone, "end of the stream").Sub(began))
		_ = f.Closed(b)
		r.Cancel()
		c.CloseIdle()
	}
	slices.Sort(took)
	at := func(share float64) float64 {
		return float64(took[min(int(share*float64(len(took))), len(took)-1)].Nanoseconds())
	}
	b.ReportMetric(at(0.50), "p50-ns")
	b.ReportMetric(at(0.99), "p99-ns")
	b.ReportMetric(at(1), "max-ns")
}
