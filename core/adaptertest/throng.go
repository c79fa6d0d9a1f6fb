package adaptertest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// What a throng consists of.
const (
	throngChannels   = 50
	throngGroups     = 5
	throngPeople     = 40
	throngPublishers = 4
)

// Throng has streams come and go, half of them on connections of the hub's own,
// and change their channels and groups while they are open; others close them,
// by channel and by identity, and four publish, to everybody and to few. In the
// end, each client compares what it got with what it may see, event by event, and
// nothing is left of them.
//
// A duration of 0 is a short one, for tests that run every day.
func Throng(t *testing.T, adapter Adapter, duration time.Duration, streams int) {
	t.Helper()
	if duration <= 0 {
		duration = 3 * time.Second
	}
	e := env{adapter: adapter, transport: Plain}
	warm(t, e)
	before := runtime.NumGoroutine()
	t.Run("streams", func(t *testing.T) { throngOf(t, e, duration, streams) })
	settled(t, before)
}

// throng is what its guests have in common.
type throng struct {
	b       *bed
	ctx     context.Context //nolint:containedctx // The test's.
	over    chan struct{}   // closed when the publishers have stopped
	leave   chan struct{}   // closed when everybody may go
	current []atomic.Pointer[string]
	ready   sync.WaitGroup // clients that are not in their last state yet
	timers  sync.WaitGroup

	joins, leaves, resumes, changes atomic.Int64

	mu     sync.Mutex
	log    []shout
	guests []*guest
}

// shout is what was published: to all on a channel, or to some of them.
type shout struct {
	seq     uint64
	channel int
	group   int    // or -1
	person  int    // or -1
	stream  string // or nothing
}

func throngOf(t *testing.T, e env, duration time.Duration, streams int) {
	t.Helper()
	h := &throng{
		over: make(chan struct{}), leave: make(chan struct{}), current: make([]atomic.Pointer[string], streams),
	}
	// A client that takes a break falls out of the rings, and comes back.
	h.b = newBed(t, e, core.HubConfig{
		RingEvents: 64, Store: core.NewMemoryStore(core.Retention{Events: 100_000}),
		OnJoin:  func(string, *core.Stream) { h.joins.Add(1) },
		OnLeave: func(string, *core.Stream) { h.leaves.Add(1) },
	})
	h.b.timeout = 0
	for path, mode := range map[string]core.ConnMode{"/owned": core.OwnedConn, "/response": core.ResponseConn} {
		gate := core.NewGate(h.b.hub, core.GateConfig{Conn: mode, Heartbeat: 200 * time.Millisecond, Middleware: []core.Middleware{belong}})
		h.b.get(path, gate.SubscribeFunc(h.choose))
		h.b.post(path+"/change", gate.ChangeChannels(func(*core.Stream, []string) error { return nil }))
	}
	h.b.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), duration+4*patience)
	defer cancel()
	h.ctx = ctx
	var all, others sync.WaitGroup
	h.ready.Add(streams)
	for i := range streams {
		all.Go(func() {
			if err := h.seat(i); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "streams that are not open yet", 0, func() int { return max(streams-h.b.hub.Stats().Streams, 0) })
	ends := time.Now().Add(duration)
	for n := range throngPublishers {
		others.Go(func() { h.publish(t, n, ends) })
	}
	others.Go(func() { h.close(ends) })
	others.Go(func() { h.watch(ends) })
	others.Wait()
	close(h.over)
	h.ready.Wait()
	h.counts(t)
	close(h.leave)
	drain, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	if err := h.b.hub.Drain(drain); err != nil {
		t.Errorf("Drain: got %v, want nil", err)
	}
	all.Wait()
	h.timers.Wait()
	h.b.empty(t)
	// A stream is counted out before its last hooks are called.
	eventually(t, "joins without a leave", 0, func() int { return int(h.joins.Load() - h.leaves.Load()) })
	eventually(t, "channels with streams, and private ones", 0, h.held)
	h.verify(t)
}

// choose puts a guest on the channels that it asks for, and on one of its own.
func (h *throng) choose(s *core.Handshake) (core.Subscription, error) {
	q := s.Request().URL.Query()
	home := s.PrivateChannel()
	sub := core.Subscription{Channels: append(q["c"], home), SessionKey: q.Get("name")}
	return sub, s.Send(core.Event{Name: "stream", Data: s.ID() + " " + home})
}

// publish publishes at random until it is time to end.
func (h *throng) publish(t *testing.T, n int, ends time.Time) {
	t.Helper()
	random := rand.New(rand.NewPCG(uint64(n), 1)) //nolint:gosec // Chance is no secret here.
	ticker := time.NewTicker(15 * time.Millisecond)
	defer ticker.Stop()
	for n := 0; n < 50 || time.Now().Before(ends); n++ { // some, however busy the machine is
		s := shout{channel: random.IntN(throngChannels), group: -1, person: -1}
		to := core.Audience{}
		switch random.IntN(10) {
		case 0, 1, 2:
			s.group = random.IntN(throngGroups)
			to = core.ToGroup("g" + strconv.Itoa(s.group))
		case 3:
			s.person = random.IntN(throngPeople)
			to = core.ToIdentity("u" + strconv.Itoa(s.person))
		case 4:
			if id := h.current[random.IntN(len(h.current))].Load(); id != nil {
				s.stream = *id
				to = core.ToStream(*id)
			}
		}
		id, err := h.b.hub.Publish(h.ctx, channelName(s.channel), core.Event{Data: "x"}, core.Only(to))
		if err != nil {
			t.Errorf("publish: %v", err)
			return
		}
		at, _ := core.ParsePosition(id)
		s.seq = at.Seq
		h.mu.Lock()
		h.log = append(h.log, s)
		h.mu.Unlock()
		<-ticker.C
	}
}

func channelName(n int) string { return "c" + strconv.Itoa(n) }

// close ends streams now and then, many at once.
func (h *throng) close(ends time.Time) {
	for n := 0; time.Now().Before(ends); n++ {
		if n%5 == 4 {
			h.b.hub.CloseChannel(channelName(n%throngChannels), errKicked)
		} else {
			h.b.hub.CloseIdentity("u"+strconv.Itoa(n*7%throngPeople), errKicked)
		}
		pause(h.ctx, 250*time.Millisecond)
	}
}

// watch looks at everybody.
func (h *throng) watch(ends time.Time) {
	for time.Now().Before(ends) {
		for _, s := range h.b.hub.AllStreams() {
			_ = s.Info()
		}
		_ = h.b.hub.Channels()
		pause(h.ctx, 200*time.Millisecond)
	}
}

// counts compares who is there with who says that it is.
func (h *throng) counts(t *testing.T) {
	t.Helper()
	var want [throngChannels]int
	h.mu.Lock()
	for _, g := range h.guests {
		if g.conn == nil {
			continue
		}
		for i := range want {
			if g.now.channels&(1<<i) != 0 {
				want[i]++
			}
		}
	}
	h.mu.Unlock()
	for i, want := range want {
		eventually(t, "streams on "+channelName(i), want, func() int { return h.b.hub.Count(channelName(i)) })
	}
}

// held returns how many channels have streams, or are private.
func (h *throng) held() (n int) {
	for _, c := range h.b.hub.Channels() {
		if c.Streams != 0 || strings.HasPrefix(c.Name, "~") {
			n++
		}
	}
	return n
}

// verify has all guests compare what they got.
func (h *throng) verify(t *testing.T) {
	t.Helper()
	slices.SortFunc(h.log, func(a, b shout) int { return cmp.Compare(a.seq, b.seq) })
	var must, may int
	for _, g := range h.guests {
		n, m, err := g.check(h.log)
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
		len(h.guests), len(h.log), must, may, h.changes.Load(), h.resumes.Load(), h.joins.Load())
}

// ended reports whether an error is because a stream has ended meanwhile.
func ended(err error) bool {
	for _, reason := range []error{core.ErrClosed, core.ErrClientGone, core.ErrSlow, core.ErrDraining} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// mark returns the position of now.
func (h *throng) mark() (uint64, error) {
	id, err := h.b.hub.Publish(h.ctx, "clock", core.Event{})
	at, _ := core.ParsePosition(id)
	return at.Seq, err
}

// post changes channels as a client does. It reports whether that was possible.
func (h *throng) post(g *guest, add, remove []string) (bool, error) {
	list := func(names []string) string {
		quoted := make([]string, len(names))
		for i, name := range names {
			quoted[i] = strconv.Quote(name)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	body := fmt.Sprintf(`{"stream": %q, "add": %s, "remove": %s}`, g.id, list(add), list(remove))
	req, err := http.NewRequestWithContext(h.ctx, http.MethodPost,
		"http://"+h.b.addr+g.path+"/change?user=u"+strconv.Itoa(g.person), strings.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, err
	}
	_ = resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return true, nil
	case http.StatusNotFound: // it has ended
		return false, nil
	}
	return false, fmt.Errorf("change: got %s", resp.Status)
}
