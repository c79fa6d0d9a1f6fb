//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// valueKey is what a test stores with a stream.
type valueKey struct{}

// testPresence looks at who is there, and at how they are.
func testPresence(t *testing.T, e env) {
	began := time.Now()
	b := newBed(t, e, core.HubConfig{})
	m := newMembers(b)
	gate := b.gate(core.GateConfig{Middleware: []core.Middleware{m.middleware, belong}})
	b.get("/news", gate.Subscribe("news"))
	b.get("/both", gate.Subscribe("sport", "news"))
	b.get("/handler", gate.Handle(wait))
	b.start(t)
	one, r := m.member(t, "/news?user=ann&group=red&group=blue")
	r.position(t)
	two, both := m.member(t, "/both")
	_, gone := m.member(t, "/news")
	three, _ := m.member(t, "/handler?user=ann")
	if err := three.AddChannels("news"); !wraps(err, core.ErrNotSubscribed) {
		t.Errorf("AddChannels to a handler's stream: got %v, want ErrNotSubscribed", err)
	}
	gone.close()
	b.closed(t)
	id := b.publish(t, "news", core.Event{Data: "hello"})[0]
	r.wantBlock(t, "data: hello\nid: "+id+"\n\n")
	both.wantData(t, "hello")

	if got := fmt.Sprint(ids(b.hub.Streams("news")), ids(b.hub.Streams("sport")), ids(b.hub.Streams("none")), ids(b.hub.AllStreams())); got !=
		fmt.Sprint(ids([]*core.Stream{one, two}), ids([]*core.Stream{two}), []string{}, ids([]*core.Stream{one, two, three})) {
		t.Errorf("streams: got %s, want %s and %s on news, that on sport, and %s", got, one.ID(), two.ID(), three.ID())
	}
	for channel, want := range map[string]int{"news": 2, "sport": 1, "none": 0, "": 0} {
		if got := b.hub.Count(channel); got != want {
			t.Errorf("streams on %q: got %d, want %d", channel, got, want)
		}
	}
	var channels []string
	for _, c := range b.hub.Channels() {
		channels = append(channels, fmt.Sprint(c.Name, " ", c.Streams, " ", c.Events, " ", c.Bytes > 0))
	}
	if want := []string{"news 2 1 true", "sport 1 0 false"}; !slices.Equal(channels, want) {
		t.Errorf("channels: got %q, want %q", channels, want)
	}
	for _, id := range []string{"", "x", strings.ToUpper(one.ID()), one.ID() + "0", strings.Repeat("0", 32)} {
		if got := b.hub.Stream(id); got != nil && id != one.ID() {
			t.Errorf("stream %q: got one, want nil", id)
		}
	}
	if got := b.hub.Stream(one.ID()); got != one {
		t.Errorf("stream by its ID: got %v, want it", got)
	}

	one.SetValue(valueKey{}, "blue")
	eventually(t, "events sent", 1, func() int { return int(one.Info().SentEvents) })
	info := one.Info()
	if one.Value(valueKey{}) != "blue" || info.ID != one.ID() || info.Identity != "ann" || info.Position != id ||
		!strings.HasPrefix(info.RemoteAddr, "127.0.0.1:") || info.Since.Before(began) || info.Since.After(time.Now()) ||
		info.LagEvents != 0 || info.LagBytes != 0 || info.SentEvents != 1 || info.SentBytes < int64(len("data: hello\n")) ||
		info.Owned != e.owns() ||
		!slices.Equal(info.Channels, []string{"news"}) || !slices.Equal(info.Groups, []string{"blue", "red"}) {
		t.Errorf("info: got %+v, want that of a stream of ann's that got an event with ID %s", info, id)
	}
	if info := three.Info(); info.Position != "" || len(info.Channels) != 0 || info.Owned {
		t.Errorf("info of a handler's stream: got %+v, want no channels", info)
	}
}

func ids(streams []*core.Stream) []string {
	all := make([]string, len(streams))
	for i, s := range streams {
		all[i] = s.ID()
	}
	return all
}

// testLag has a client stop reading, and sees what waits for it.
func testLag(t *testing.T, e env) {
	const size = 256 << 10
	b := newBed(t, e, core.HubConfig{RingBytes: 1 << 30, Store: core.NewMemoryStore(core.Retention{Bytes: 1 << 20})})
	m := newMembers(b)
	b.get("/", b.gate(core.GateConfig{Middleware: []core.Middleware{m.middleware}}).Subscribe("news"))
	b.start(t)
	stalled := b.narrowClient(t, 64<<10, 64<<10).open(t, "/")
	stalled.greeted(t)
	s := receive(t, m.opened, "stream")
	payload := strings.Repeat("x", size)
	n := 0
	for ; n < 200 && s.Info().LagBytes < 4*size; n++ {
		b.publish(t, "news", core.Event{Data: payload})
	}
	info := s.Info()
	if info.LagEvents < 2 || info.LagEvents > n || info.LagBytes < info.LagEvents*size || info.LagBytes > info.LagEvents*(size+200) {
		t.Errorf("lag after %d events: got %d events, %d bytes, want some events of %d bytes", n, info.LagEvents, info.LagBytes, size)
	}
	for range n {
		stalled.wantData(t, payload)
	}
	eventually(t, "lag when it has read all", 0, func() int { return s.Info().LagEvents })
	eventually(t, "events sent", n, func() int { return int(s.Info().SentEvents) })
}

// testVanish has clients vanish in all the ways they can. They are counted no
// more, without any heartbeat.
func testVanish(t *testing.T, e env) {
	const clients = 12
	b := newBed(t, e, core.HubConfig{})
	m := newMembers(b)
	b.get("/", b.gate(core.GateConfig{Middleware: []core.Middleware{m.middleware}}).Subscribe("news"))
	b.start(t)
	all, replies := make([]*client, clients), make([]*reply, clients)
	for i := range all {
		all[i] = b.client(t)
		replies[i] = all[i].open(t, "/")
		replies[i].greeted(t)
	}
	if got := b.hub.Count("news"); got != clients {
		t.Errorf("streams: got %d, want %d", got, clients)
	}
	began := time.Now()
	for i, c := range all[1:] {
		if i%3 == 2 {
			replies[i+1].close()
		} else {
			c.cut(i%3 == 0)
		}
	}
	eventually(t, "streams that are left", 1, func() int { return b.hub.Count("news") })
	t.Logf("noticed after %v", time.Since(began).Round(time.Millisecond))
	b.end(t, "news")
	replies[0].wantData(t, "end")
}

// attendance takes down who joins and leaves.
type attendance struct {
	hub *core.Hub // set before the first stream opens

	mu    sync.Mutex
	log   map[string][]string // by stream and channel
	wrong []string
}

func (a *attendance) note(what, channel string, s *core.Stream) {
	counted := slices.Contains(a.hub.Streams(channel), s)
	a.mu.Lock()
	defer a.mu.Unlock()
	key := s.ID() + " " + channel
	a.log[key] = append(a.log[key], what)
	if counted != (what == "joins") && channel != "c" { // which it leaves and joins in one step
		a.wrong = append(a.wrong, fmt.Sprintf("%s %s, counted %t", key, what, counted))
	}
}

// testJoinLeave looks at the hooks of streams that open, change and end.
func testJoinLeave(t *testing.T, e env) {
	a := &attendance{log: make(map[string][]string)}
	b := newBed(t, e, core.HubConfig{
		OnJoin:  func(channel string, s *core.Stream) { a.note("joins", channel, s) },
		OnLeave: func(channel string, s *core.Stream) { a.note("leaves", channel, s) },
	})
	a.hub = b.hub
	m := newMembers(b)
	gate := b.gate(core.GateConfig{Middleware: []core.Middleware{m.middleware}})
	b.get("/", gate.Subscribe("a", "b"))
	b.get("/refused", b.gate(core.GateConfig{Middleware: []core.Middleware{func(s *core.Handshake) error {
		s.OnOpen(func() { panic("oh hook") })
		return nil
	}}}).Subscribe("a"))
	b.start(t)
	s, r := m.member(t, "/")
	id := s.ID()
	change(t, s, []string{"c", "a"}, []string{"b"})
	change(t, s, []string{"b"}, nil)
	change(t, s, []string{"c"}, []string{"c"})
	change(t, s, nil, []string{"none"})
	r.close()
	b.closed(t)
	if refused, err := b.client(t).do(http.MethodGet, "/refused", nil); err == nil {
		defer refused.close()
	}
	if got := b.closed(t); !wraps(got.Reason, core.ErrPanic) {
		t.Errorf("summary of a stream whose hook panics: got %+v, want ErrPanic", got)
	}
	b.empty(t)
	a.mu.Lock()
	defer a.mu.Unlock()
	once, twice := []string{"joins", "leaves"}, []string{"joins", "leaves", "joins", "leaves"}
	for channel, want := range map[string][]string{"a": once, "b": twice, "c": twice} {
		if got := a.log[id+" "+channel]; !slices.Equal(got, want) {
			t.Errorf("hooks on %s: got %q, want %q", channel, got, want)
		}
	}
	if len(a.log) != 3 || len(a.wrong) > 0 {
		t.Errorf("hooks: got %q, of these wrong %q, want those of one stream on 3 channels", a.log, a.wrong)
	}
}
