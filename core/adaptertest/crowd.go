//nolint:thelper,gosec // These are tests, and their chance is no secret.
package adaptertest

import (
	"bufio"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

func testCrowd(t *testing.T, e env) { crowd(t, e, 500) }

func testBigCrowd(t *testing.T, e env) { crowd(t, e, 2000) }

// crowd opens many streams and closes them in random order and ways, while
// events are published. Nothing is left of them.
func crowd(t *testing.T, e env, clients int) {
	t.Helper()
	const workers = 50
	before := runtime.NumGoroutine()
	t.Run("clients", func(t *testing.T) {
		b := newBed(t, e, core.HubConfig{})
		b.timeout = 0
		gate := b.gate(core.GateConfig{Heartbeat: 300 * time.Millisecond})
		b.get("/handler", gate.Handle(func(s *core.Sender) error { return core.Control(ticking{})(s) }))
		b.get("/channel", gate.Subscribe("news"))
		b.start(t)
		var all sync.WaitGroup
		for range workers {
			all.Go(func() {
				c := b.client(t)
				for range clients / workers / 2 {
					if c.visit(t, rand.IntN(3)) {
						c = b.client(t)
					}
				}
			})
		}
		// As many are open at the same time: handlers tick, so there are few of
		// them, or a busy machine would get to nothing else.
		open := make([]*reply, 0, clients/2)
		c := b.client(t)
		for i := range clients / 2 {
			path := "/channel"
			if i%8 == 0 {
				path = "/handler"
			}
			open = append(open, c.open(t, path))
		}
		b.publish(t, "news", core.Event{Data: "to all"})
		all.Wait()
		eventually(t, "open streams", clients/2, func() int { return b.hub.Stats().Streams })
		rand.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
		for _, r := range open {
			r.close()
		}
		b.empty(t)
	})
	settled(t, before)
}

// testGoroutines counts what subscriptions that wait take: nothing on a plain
// connection that is owned, one to encrypt on another, two for a response.
// Nobody waits in a goroutine of its own for a client to leave.
func testGoroutines(t *testing.T, e env) {
	const streams = 100
	each := 2
	if e.owns() {
		each = map[Transport]int{Plain: 0, TLS: 1}[e.transport]
	}
	b := newBed(t, e, core.HubConfig{})
	b.get("/channel", b.gate(core.GateConfig{}).Subscribe("news"))
	b.start(t)
	before := runtime.NumGoroutine()
	conns := make([]net.Conn, streams)
	for i := range conns {
		conns[i], _ = b.dial(t)
		in := bufio.NewReader(conns[i])
		exchange(t, conns[i], in, "GET /channel HTTP/1.1\r\nHost: a.example\r\n\r\n") //nolint:bodyclose // The test's cleanup does it.
		if _, err := in.ReadByte(); err != nil {
			t.Fatalf("stream %d: %v", i, err)
		}
	}
	// Some are the server's, a few for all, and those of requests come to their end.
	eventually(t, "goroutines more than they take", 0, func() int {
		return max(runtime.NumGoroutine()-before-each*streams-streams/4, 0)
	})
	for _, conn := range conns {
		_ = conn.Close()
	}
	for range conns {
		b.wantGone(t, true)
	}
}

// ticking is a controller that always has something to send.
type ticking struct{}

// Events implements [core.Controller].
func (ticking) Events(*core.Sender, string) ([]core.Event, time.Duration, error) {
	return []core.Event{{Data: "tick"}}, time.Duration(1+rand.IntN(50)) * time.Millisecond, nil
}

// visit opens a stream, reads a little, and leaves. It reports whether the
// client cannot be used again.
func (c *client) visit(t *testing.T, way int) (cut bool) {
	t.Helper()
	r, err := c.do(http.MethodGet, []string{"/handler", "/channel"}[rand.IntN(2)], nil)
	if err != nil {
		t.Errorf("stream: %v", err)
		return true
	}
	defer r.close()
	for range rand.IntN(3) {
		if _, err := r.block(); err != nil {
			t.Errorf("block: %v", err)
		}
	}
	if way == 2 {
		return false
	}
	c.cut(way == 1)
	return true
}
