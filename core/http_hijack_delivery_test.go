//go:build linux

//nolint:thelper // These are tests: a failure is at a line of theirs.
package core_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// published is what publishers have published, on several channels.
type published struct {
	mu     sync.Mutex
	events []numbered
}

type numbered struct {
	core.Event

	channel string
	seq     uint64
}

// publish has several goroutines publish events of 10 bytes to 300 KB to a, b
// and c, and the last one, named end, to all of them.
func (p *published) publish(t *testing.T, hub *core.Hub, events int, half func()) {
	t.Helper()
	const publishers = 3
	var done atomic.Int64
	var all sync.WaitGroup
	for i := range publishers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(i)))
			for n := range events {
				size := int(10 * math.Exp(random.Float64()*math.Log(1000)))
				if n%30 == 10*i {
					size = 300_000 - random.IntN(200_000)
				}
				ev := core.Event{Name: strconv.Itoa(n % 2), Data: strings.Repeat(string('a'+rune(n%26)), size)}
				p.one(t, hub, string('a'+rune(random.IntN(3))), ev)
				if done.Add(1) == int64(publishers*events/2) {
					half()
				}
			}
		})
	}
	all.Wait()
	for _, channel := range []string{"a", "b", "c"} {
		p.one(t, hub, channel, core.Event{Name: "end", Data: channel})
	}
}

func (p *published) one(t *testing.T, hub *core.Hub, channel string, ev core.Event) {
	t.Helper()
	id, err := hub.Publish(t.Context(), channel, ev)
	at, ok := core.ParsePosition(id)
	if err != nil || !ok {
		t.Errorf("Publish: got %q and %v", id, err)
		return
	}
	ev.ID = id
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, numbered{ev, channel, at.Seq})
}

// unevenConn is a connection that is read in pieces of random size, with
// pauses.
type unevenConn struct {
	net.Conn

	random *rand.Rand
	half   <-chan struct{}
	stop   int // after how many bytes it waits for half, 0 for never
	read   int
}

func (j *unevenConn) Read(p []byte) (int, error) {
	if j.stop > 0 && j.read >= j.stop {
		<-j.half
		j.stop = 0
	}
	limit := []int{1 + j.random.IntN(20), 1 + j.random.IntN(1000), 4096}[j.random.IntN(3)]
	if j.read > 100_000 { // enough uneven reads
		limit = 4096
	}
	n, err := j.Conn.Read(p[:min(len(p), limit)])
	j.read += n
	return n, err
}

// Every client receives every byte in order, whatever the sizes of events and
// however it reads.
//
//nolint:paralleltest // It counts descriptors.
func TestHijackDelivery(t *testing.T) {
	wantNoLeaks(t, func(t *testing.T) {
		const clients, events = 240, 40
		hub := openHub(t, core.HubConfig{RingEvents: 1 << 12, RingBytes: 1 << 30})
		odd := func(ev core.Delivery) bool { return ev.Name != "0" }
		filtered := func(channels ...string) func(*core.Gate) *core.Endpoint {
			return func(g *core.Gate) *core.Endpoint {
				return g.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
					h.SetFilter(odd)
					return core.Subscription{Channels: channels}, nil
				})
			}
		}
		f := openFixture(t, hub, core.GateConfig{Heartbeat: 20e6, WriteTimeout: ssetest.Patience}, map[string]func(*core.Gate) *core.Endpoint{
			"/a": subscribeTo("a"), "/abc": subscribeTo("a", "b", "c"), "/b-odd": filtered("b"), "/ac-odd": filtered("a", "c"),
		})
		kinds := []struct{ path, channels string }{{"/a", "a"}, {"/abc", "abc"}, {"/b-odd", "b"}, {"/ac-odd", "ac"}}
		half := make(chan struct{})
		wires := make([]*rawClient, clients)
		for i := range wires {
			wires[i] = f.open(t, kinds[i%len(kinds)].path, "", []int{0, 4 << 10, 20 << 10}[i%3])
			wires[i].readPrelude(t)
		}
		got := make([][]core.Event, clients)
		var reading sync.WaitGroup
		for i, c := range wires {
			random := rand.New(rand.NewPCG(8, uint64(i)))
			j := &unevenConn{Conn: c, random: random, half: half}
			if i%5 == 0 {
				j.stop = 1 + random.IntN(50_000)
			}
			c.in.Reset(j)
			reading.Go(func() { got[i] = c.readToEnd(t, len(kinds[i%len(kinds)].channels)) })
		}
		var log published
		log.publish(t, hub, events, sync.OnceFunc(func() { close(half) }))
		reading.Wait()
		slices.SortFunc(log.events, func(a, b numbered) int { return int(a.seq) - int(b.seq) })
		for i := range got {
			kind := kinds[i%len(kinds)]
			var want []core.Event
			for _, ev := range log.events {
				if strings.Contains(kind.channels, ev.channel) && (!strings.HasSuffix(kind.path, "odd") || odd(core.Delivery{Event: ev.Event})) {
					want = append(want, ev.Event)
				}
			}
			compare(t, fmt.Sprintf("client %d of %s", i, kind.path), got[i], want)
		}
		if n := len(f.Closes); n > 0 {
			t.Errorf("streams that ended: got %d, want none", n)
		}
	})
}

// readToEnd reads events until the last of each channel has come.
func (c *rawClient) readToEnd(t *testing.T, ends int) (events []core.Event) {
	for ends > 0 {
		ev, err := c.dec.Next()
		if err != nil {
			t.Errorf("event %d: got %v", len(events), err)
			return events
		}
		if events = append(events, ev); ev.Name == "end" {
			ends--
		}
	}
	return events
}

// compare compares events, without writing out what may be large.
func compare(t *testing.T, who string, got, want []core.Event) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: got %d events, want %d", who, len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("%s, event %d: got %q %q with %d bytes, want %q %q with %d", who, i,
				got[i].ID, got[i].Name, len(got[i].Data), want[i].ID, want[i].Name, len(want[i].Data))
			return
		}
	}
}

// Delivery allocates nothing per connection.
//
//nolint:paralleltest // It counts allocations.
func TestHijackDeliveryAllocates(t *testing.T) {
	const connections, events = 200, 300
	hub := openHub(t, core.HubConfig{})
	f := openFixture(t, hub, core.GateConfig{Heartbeat: -1}, map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a")})
	ev := core.Event{ID: "its own", Data: "x"} // all frames are of the same size then
	frame, err := core.AppendEvent(nil, ev)
	if err != nil {
		t.Fatalf("AppendEvent: %v", err)
	}
	var got atomic.Int64
	news := make(chan struct{}, 1)
	for range connections {
		c := f.open(t, "/", "", 0)
		c.readPrelude(t)
		go func() {
			buf := make([]byte, 4<<10)
			for {
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				got.Add(int64(n))
				select {
				case news <- struct{}{}:
				default:
				}
			}
		}()
	}
	publish := func(n int) {
		for range n {
			want := got.Load() + int64(connections*len(frame))
			if _, err := hub.Publish(t.Context(), "a", ev); err != nil {
				t.Fatalf("Publish: %v", err)
			}
			for got.Load() < want {
				<-news
			}
		}
	}
	publish(events) // everything has its size
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	publish(events)
	runtime.ReadMemStats(&after)
	if n := float64(after.Mallocs-before.Mallocs) / events; n > connections/10 {
		t.Errorf("an event for %d connections: got %.1f allocations, want some", connections, n)
	}
}
