//nolint:gosec // Tests need no secret randomness.
package adaptertest

import (
	"cmp"
	"context"
	"errors"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

const (
	throngChannels   = 50
	throngGroups     = 5
	throngUsers      = 40
	throngPublishers = 4
)

var errThrong = errors.New("closed by the test")

// Throng opens many streams, half of them on hijacked connections. They come and
// go, and change their channels and groups while they are open. Meanwhile, others
// close streams by channel and by identity, and publish to everybody and to few.
// In the end, each client compares its events with all that were published, and
// nothing is left of the streams.
//
// A duration of 0 is a short test.
func Throng(t *testing.T, adapter Adapter, duration time.Duration, streams int) {
	t.Helper()
	if duration <= 0 {
		duration = 3 * time.Second
	}
	e := ssetest.Env{Adapter: adapter, Transport: Plain}
	warm(t, e)
	before := runtime.NumGoroutine()
	t.Run("streams", func(t *testing.T) { runThrong(t, e, duration, streams) })
	ssetest.Settled(t, before)
}

// throng is what the clients share.
type throng struct {
	f       *ssetest.Fixture
	ctx     context.Context          //nolint:containedctx // The test's.
	over    chan struct{}            // closed when nothing more is published
	leave   chan struct{}            // closed when clients may end
	streams []atomic.Pointer[string] // the ID of each open stream
	ready   sync.WaitGroup           // clients that may still change
	timers  sync.WaitGroup

	joins, leaves, resumes, changes atomic.Int64

	mu      sync.Mutex
	log     []publication
	clients []*throngClient
}

// publication is a published event, with its audience.
type publication struct {
	seq      uint64
	channel  uint64 // a set of one
	group    uint64 // a set of one, or 0
	identity string // or ""
	stream   string // or ""
}

func runThrong(t *testing.T, e ssetest.Env, duration time.Duration, streams int) {
	t.Helper()
	h := &throng{over: make(chan struct{}), leave: make(chan struct{}), streams: make([]atomic.Pointer[string], streams)}
	// A client that pauses falls out of the rings, and resumes.
	h.f = ssetest.New(t, e, core.HubConfig{
		RingEvents: 64, Store: core.NewMemoryStore(core.Retention{Events: 100_000}),
		OnJoin:  func(string, *core.Stream) { h.joins.Add(1) },
		OnLeave: func(string, *core.Stream) { h.leaves.Add(1) },
	})
	h.f.Timeout = 0
	for path, mode := range map[string]core.ConnMode{"/owned": core.OwnedConn, "/response": core.ResponseConn} {
		gate := core.NewGate(h.f.Hub, core.GateConfig{
			Conn: mode, Heartbeat: 200 * time.Millisecond, Middleware: []core.Middleware{ssetest.Membership},
		})
		h.f.Get(path, gate.SubscribeFunc(subscribeThrong))
		h.f.Post(path+"/change", gate.ChangeChannels(func(*core.Stream, []string) error { return nil }))
	}
	h.f.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), duration+4*ssetest.Patience)
	defer cancel()
	h.ctx = ctx
	var all, others sync.WaitGroup
	h.ready.Add(streams)
	for i := range streams {
		all.Go(func() {
			if err := h.slot(i); err != nil {
				t.Error(err)
			}
		})
	}
	ssetest.Eventually(t, "streams that are not open yet", 0, func() int { return max(streams-h.f.Hub.Stats().Streams, 0) })
	ends := time.Now().Add(duration)
	for n := range throngPublishers {
		others.Go(func() { h.publish(t, n, ends) })
	}
	others.Go(func() { h.close(ends) })
	others.Go(func() { h.list(ends) })
	others.Wait()
	close(h.over)
	h.ready.Wait()
	h.count(t)
	close(h.leave)
	draining, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	// A busy machine may need longer for some; they have ended all the same.
	if err := h.f.Hub.Drain(draining); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain: got %v, want nil", err)
	}
	all.Wait()
	h.timers.Wait()
	h.f.Empty(t)
	// The last hooks are called after a stream is counted out.
	ssetest.Eventually(t, "joins without a leave", 0, func() int { return int(h.joins.Load() - h.leaves.Load()) })
	ssetest.Eventually(t, "channels with streams, and private ones", 0, h.held)
	h.verify(t)
}

// subscribeThrong subscribes a stream to the channels that its client asks for,
// and to a private one.
func subscribeThrong(s *core.Handshake) (core.Subscription, error) {
	q := s.Request().URL.Query()
	private := s.PrivateChannel()
	sub := core.Subscription{Channels: append(q["c"], private), SessionKey: q.Get("name")}
	return sub, s.Send(core.Event{Name: "stream", Data: s.ID() + " " + private})
}

// publish publishes to random audiences until it is time to end.
func (h *throng) publish(t *testing.T, n int, ends time.Time) {
	t.Helper()
	random := rand.New(rand.NewPCG(uint64(n), 1))
	ticker := time.NewTicker(15 * time.Millisecond)
	defer ticker.Stop()
	for n := 0; n < 50 || time.Now().Before(ends); n++ { // some, however busy the machine is
		var p publication
		var to core.Audience
		switch random.IntN(10) {
		case 0, 1, 2:
			group := random.IntN(throngGroups)
			p.group, to = 1<<group, core.ToGroup(groupName(group))
		case 3:
			p.identity = userName(random.IntN(throngUsers))
			to = core.ToIdentity(p.identity)
		case 4:
			if id := h.streams[random.IntN(len(h.streams))].Load(); id != nil {
				p.stream, to = *id, core.ToStream(*id)
			}
		}
		channel := random.IntN(throngChannels)
		p.channel = 1 << channel
		id, err := h.f.Hub.Publish(h.ctx, channelName(channel), core.Event{Data: "x"}, core.Only(to))
		if err != nil {
			t.Errorf("publish: %v", err)
			return
		}
		at, _ := core.ParsePosition(id)
		p.seq = at.Seq
		h.mu.Lock()
		h.log = append(h.log, p)
		h.mu.Unlock()
		<-ticker.C
	}
}

func channelName(n int) string { return "c" + strconv.Itoa(n) }

func groupName(n int) string { return "g" + strconv.Itoa(n) }

func userName(n int) string { return "u" + strconv.Itoa(n) }

// names returns the names of a set.
func names(set uint64, name func(int) string) (all []string) {
	for ; set != 0; set &= set - 1 {
		all = append(all, name(bits.TrailingZeros64(set)))
	}
	return all
}

// close closes streams now and then, many at once.
func (h *throng) close(ends time.Time) {
	for n := 0; time.Now().Before(ends); n++ {
		if n%5 == 4 {
			h.f.Hub.CloseChannel(channelName(n%throngChannels), errThrong)
		} else {
			h.f.Hub.CloseIdentity(userName(n*7%throngUsers), errThrong)
		}
		ssetest.Pause(h.ctx, 250*time.Millisecond)
	}
}

// list lists all streams and channels now and then.
func (h *throng) list(ends time.Time) {
	for time.Now().Before(ends) {
		for _, s := range h.f.Hub.AllStreams() {
			_ = s.Info()
		}
		_ = h.f.Hub.Channels()
		ssetest.Pause(h.ctx, 200*time.Millisecond)
	}
}

// count compares the number of streams on each channel with the clients'.
func (h *throng) count(t *testing.T) {
	t.Helper()
	var want [throngChannels]int
	h.mu.Lock()
	for _, c := range h.clients {
		for i := range want {
			if c.conn != nil && c.now.channels&(1<<i) != 0 {
				want[i]++
			}
		}
	}
	h.mu.Unlock()
	for i, want := range want {
		ssetest.Eventually(t, "streams on "+channelName(i), want, func() int { return h.f.Hub.Count(channelName(i)) })
	}
}

// held returns how many channels have streams, or are private.
func (h *throng) held() (n int) {
	for _, c := range h.f.Hub.Channels() {
		if c.Streams != 0 || strings.HasPrefix(c.Name, "~") {
			n++
		}
	}
	return n
}

// verify compares the events of all clients with what was published.
func (h *throng) verify(t *testing.T) {
	t.Helper()
	slices.SortFunc(h.log, func(a, b publication) int { return cmp.Compare(a.seq, b.seq) })
	var must, may int
	for _, c := range h.clients {
		n, m, err := c.check(h.log)
		if err != nil {
			t.Error(err)
		}
		must += n
		may += m
	}
	if must == 0 {
		t.Error("events that had to come: got none")
	}
	t.Logf("%d clients, %d events: %d deliveries checked, and %d that might have been; %d changes, %d resumes, %d joins",
		len(h.clients), len(h.log), must, may, h.changes.Load(), h.resumes.Load(), h.joins.Load())
}

// mark returns the position of now.
func (h *throng) mark() (uint64, error) {
	id, err := h.f.Hub.Publish(h.ctx, "clock", core.Event{})
	at, _ := core.ParsePosition(id)
	return at.Seq, err
}
