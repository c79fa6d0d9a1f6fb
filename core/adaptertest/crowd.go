//nolint:thelper,gosec // These are tests, and their chance is no secret.
package adaptertest

import (
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

func testCrowd(t *testing.T, e ssetest.Env) { crowd(t, e, 500) }

func testBigCrowd(t *testing.T, e ssetest.Env) { crowd(t, e, 2000) }

// crowd opens many streams and ends them in random order and ways, while events
// are published. No goroutine is left.
func crowd(t *testing.T, e ssetest.Env, clients int) {
	t.Helper()
	const workers = 50
	before := runtime.NumGoroutine()
	t.Run("clients", func(t *testing.T) {
		f := ssetest.New(t, e, core.HubConfig{})
		f.Timeout = 0
		gate := f.Gate(core.GateConfig{Heartbeat: 300 * time.Millisecond})
		f.Get("/handler", gate.Handle(func(s *core.Sender) error { return core.Control(ticking{})(s) }))
		f.Get("/channel", gate.Subscribe("news"))
		f.Start(t)
		var all sync.WaitGroup
		for range workers {
			all.Go(func() {
				c := f.Client(t)
				for range clients / workers / 2 {
					if visit(t, c, rand.IntN(3)) {
						c = f.Client(t)
					}
				}
			})
		}
		// As many are open at the same time. Few are handlers: each ticks, which
		// takes time.
		open := make([]*ssetest.Reply, 0, clients/2)
		c := f.Client(t)
		for i := range clients / 2 {
			path := "/channel"
			if i%8 == 0 {
				path = "/handler"
			}
			open = append(open, c.Open(t, path))
		}
		f.Publish(t, "news", core.Event{Data: "to all"})
		all.Wait()
		f.Streams(t, clients/2)
		rand.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
		for _, r := range open {
			r.Cancel()
		}
		f.Empty(t)
	})
	ssetest.Settled(t, before)
}

// testGoroutines counts goroutines per idle subscription: none on a hijacked
// plain connection, one on a hijacked connection of TLS, two for a response.
func testGoroutines(t *testing.T, e ssetest.Env) {
	const streams = 100
	each := 2
	if e.Owned() {
		each = map[Transport]int{Plain: 0, TLS: 1}[e.Transport]
	}
	f := ssetest.New(t, e, core.HubConfig{})
	f.Get("/channel", f.Gate(core.GateConfig{}).Subscribe("news"))
	f.Start(t)
	before := runtime.NumGoroutine()
	conns := make([]*ssetest.Conn, streams)
	for i := range conns {
		conns[i] = f.RawConn(t)
		conns[i].MustAsk(t, ssetest.Request("/channel", "1.1")).Prelude(t)
	}
	// Some are the server's, a few serve all streams, and those of requests end.
	ssetest.Eventually(t, "goroutines more than allowed", 0, func() int {
		return max(runtime.NumGoroutine()-before-each*streams-streams/4, 0)
	})
	for _, conn := range conns {
		conn.Cut(false)
	}
	for range conns {
		wantGone(t, f, true)
	}
}

// ticking is a controller that always sends.
type ticking struct{}

// Events implements [core.Controller].
func (ticking) Events(*core.Sender, string) ([]core.Event, time.Duration, error) {
	return []core.Event{{Data: "tick"}}, time.Duration(1+rand.IntN(50)) * time.Millisecond, nil
}

// visit opens a stream, reads a little, and ends it: with a FIN, with a RST, or by
// cancelling the request. It reports whether the client's connections are closed.
func visit(t *testing.T, c *ssetest.Client, way int) (cut bool) {
	t.Helper()
	r, err := c.Do(http.MethodGet, []string{"/handler", "/channel"}[rand.IntN(2)], nil)
	if err != nil {
		t.Errorf("stream: %v", err)
		return true
	}
	defer r.Cancel()
	for range rand.IntN(3) {
		if _, err := r.Block(); err != nil {
			t.Errorf("block: %v", err)
		}
	}
	if way == 2 {
		return false
	}
	c.Cut(way == 1)
	return true
}
