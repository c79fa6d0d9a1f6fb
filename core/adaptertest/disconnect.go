package adaptertest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// Disconnect measures how long it takes until the server knows that a client is
// gone: from the moment on that the client closes its connection, with a FIN or
// with a RST, until the stream's close hooks run. Nothing is sent that could
// tell of it. It reports the median, the 99th percentile and the maximum; the
// time per operation is that of a whole visit. The clients are those of a
// library, in the same process: some of what is measured is theirs.
func Disconnect(b *testing.B, adapter Adapter) {
	b.Helper()
	for _, transport := range adapter.Transports {
		modes := []core.ConnMode{core.ResponseConn}
		if transport.http1() {
			modes = []core.ConnMode{core.AutoConn, core.ResponseConn}
		}
		for _, mode := range modes {
			e := env{adapter: adapter, transport: transport, conn: mode}
			name := map[bool]string{true: "owned", false: "response"}[e.owns()]
			measure := func(path string) {
				for _, reset := range []bool{false, true} {
					way := map[bool]string{false: "FIN", true: "RST"}[reset]
					b.Run(fmt.Sprintf("%s/%s/%s", transport, name, way), func(b *testing.B) { disconnect(b, e, path, reset) })
				}
			}
			measure("/channel")
			if mode == core.ResponseConn {
				name = "handler"
				measure("/handler")
			}
		}
	}
}

// others is how many streams stay meanwhile.
const others = 100

func disconnect(b *testing.B, e env, path string, reset bool) {
	b.Helper()
	bed := newBed(b, e, core.HubConfig{})
	gone := make(chan time.Time, 1)
	gate := bed.gate(core.GateConfig{Middleware: []core.Middleware{func(s *core.Handshake) error {
		s.OnClose(func(core.Summary) { // the last one to be set, it runs first
			select {
			case gone <- time.Now():
			default: // the others leave when nobody asks any more
			}
		})
		return nil
	}}})
	bed.get("/channel", gate.Subscribe("news"))
	bed.get("/handler", gate.Handle(wait))
	bed.start(b)
	for range others {
		bed.client(b).open(b, path).mustBlock(b)
	}
	took := make([]time.Duration, 0, 4096)
	for b.Loop() {
		c := bed.client(b)
		r := c.open(b, path)
		r.mustBlock(b)
		began := time.Now()
		c.cut(reset)
		took = append(took, receive(b, gone, "end of the stream").Sub(began))
		_ = bed.closed(b)
		r.close()
		c.http.CloseIdleConnections()
	}
	slices.Sort(took)
	at := func(share float64) float64 {
		return float64(took[min(int(share*float64(len(took))), len(took)-1)].Nanoseconds())
	}
	b.ReportMetric(at(0.50), "p50-ns")
	b.ReportMetric(at(0.99), "p99-ns")
	b.ReportMetric(at(1), "max-ns")
}
