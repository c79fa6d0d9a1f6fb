package core_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core"
)

// hookRecorder records the calls of join and leave hooks, and calls functions in them.
type hookRecorder struct {
	mu   sync.Mutex
	rows []string
	do   map[string]func(s *core.Stream) // by row; each is called once
}

func (r *hookRecorder) hook(what string) func(string, *core.Stream) {
	return func(channel string, s *core.Stream) {
		row := what + " " + channel
		r.mu.Lock()
		r.rows = append(r.rows, row)
		do := r.do[row]
		delete(r.do, row)
		r.mu.Unlock()
		if do != nil {
			do(s)
		}
	}
}

func (r *hookRecorder) config() core.HubConfig {
	return core.HubConfig{OnJoin: r.hook("joins"), OnLeave: r.hook("leaves")}
}

func (r *hookRecorder) wantCalls(t *testing.T, when string, want ...string) {
	t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.rows, want) {
		t.Errorf("%s: got %q, want %q", when, r.rows, want)
	}
}

func TestHooksOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &hookRecorder{do: make(map[string]func(*core.Stream))}
		hub := openHub(t, r.config())
		for _, channel := range []string{"b", "c", "d"} {
			for what, want := range map[string]bool{"joins ": true, "leaves ": false} {
				r.do[what+channel] = func(s *core.Stream) {
					if got := slices.Contains(hub.Streams(channel), s); got != want {
						t.Errorf("%s%s: got the stream counted %t, want %t", what, channel, got, want)
					}
				}
			}
		}
		s, c := openSubscribed(t, hub, core.GateConfig{}, core.Subscription{Channels: []string{"b", "a", "b"}})
		want := []string{"joins a", "joins b"}
		r.wantCalls(t, "open", want...)
		change(t, s, []string{"a", "d", "c", "c"}, []string{"b", "none"})
		want = append(want, "leaves b", "joins c", "joins d")
		r.wantCalls(t, "changed", want...)
		change(t, s, []string{"a"}, []string{"a"})
		want = append(want, "leaves a", "joins a")
		r.wantCalls(t, "off and on again", want...)
		if err := s.AddChannels("e", ""); !errors.Is(err, core.ErrChannelName) {
			t.Errorf("AddChannels: got %v, want ErrChannelName", err)
		}
		change(t, s, nil, []string{"d"})
		c.hangUp()
		<-c.done
		r.wantCalls(t, "gone", append(want, "leaves d", "leaves c", "leaves a")...)
		for _, name := range []string{"a", "b", "c", "d"} {
			if n := hub.Count(name); n != 0 {
				t.Errorf("streams on %s: got %d, want 0", name, n)
			}
		}
	})
}

// Streams that never open join nothing.
func TestHooksOfRefusedStreams(t *testing.T) {
	t.Parallel()
	r := &hookRecorder{}
	hub := openHub(t, r.config())
	for _, middleware := range []core.Middleware{
		func(*core.Handshake) error { return core.Refuse(403, "") },
		func(h *core.Handshake) error { return h.Close() },
	} {
		o := core.NewGate(hub, core.GateConfig{Middleware: []core.Middleware{middleware}}).Subscribe("a").
			Open(core.Request{Request: newRequest(t, t.Context())})
		if o.Streams {
			t.Error("opening: got a stream, want none")
		}
	}
	o := core.NewGate(hub, core.GateConfig{}).Subscribe("a").Open(core.Request{Request: newRequest(t, t.Context())})
	o.Abandon(errors.New("no head"))
	c := connect(t, core.NewGate(hub, core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
		h.OnOpen(func() { panic("oh hook") })
		return nil
	}}}).Subscribe("a"))
	<-c.done
	if len(r.rows) > 0 {
		t.Errorf("hooks: got %q, want none", r.rows)
	}
	wantChannels(t, hub, "in the end", 0)
}

// Hooks may call any method: no lock is held.
func TestHooksDoThings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &hookRecorder{}
		hub := openHub(t, r.config())
		publishIt := func(channel, data string) {
			if _, err := hub.Publish(context.Background(), channel, core.Event{Data: data}); err != nil {
				t.Errorf("Publish: %v", err)
			}
		}
		r.do = map[string]func(*core.Stream){
			"joins a": func(s *core.Stream) {
				if n := hub.Count("a"); n != 1 || !slices.Equal(s.Channels(), []string{"a"}) || len(hub.Streams("a")) != 1 {
					t.Errorf("when it joins: got %d streams, want 1", n)
				}
				publishIt("a", "welcome")
				change(t, s, []string{"b"}, nil)
				publishIt("b", "to b")
			},
			"joins b": func(s *core.Stream) {
				publishIt("b", "welcome to b")
				change(t, s, []string{"c"}, []string{"a"})
			},
			"leaves a": func(s *core.Stream) {
				if n := hub.Count("a"); n != 0 {
					t.Errorf("when it leaves: got %d streams, want 0", n)
				}
				publishIt("a", "nobody gets this")
				_ = s.Join("x")
			},
			"leaves b": func(s *core.Stream) {
				if s.Err() == nil {
					t.Error("when it has ended: got no reason")
				}
				if err := s.AddChannels("d"); !errors.Is(err, errKicked) {
					t.Errorf("AddChannels when it has ended: got %v, want why", err)
				}
				_ = s.Close()
			},
		}
		s, c := openSubscribed(t, hub, core.GateConfig{Heartbeat: -1}, core.Subscription{Channels: []string{"a"}})
		r.wantCalls(t, "open", "joins a", "joins b", "leaves a", "joins c")
		if got := c.blocks(); !slices.Contains(got, "to b @2") || !slices.Contains(got, "welcome to b @3") || slices.Contains(got, "nobody gets this @4") {
			t.Errorf("events: got %q, want those to b", got)
		}
		s.CloseWith(errKicked)
		<-c.done
		r.wantCalls(t, "closed", "joins a", "joins b", "leaves a", "joins c", "leaves b", "leaves c")
		if got := hub.Stats().Streams; got != 0 {
			t.Errorf("streams: got %d, want none", got)
		}
	})
}

var errKicked = errors.New("kicked out")

// A join hook may close its stream.
func TestHookCloses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &hookRecorder{}
		hub := openHub(t, r.config())
		r.do = map[string]func(*core.Stream){"joins a": func(*core.Stream) { hub.CloseChannel("a", errKicked) }}
		c := connect(t, core.NewGate(hub, core.GateConfig{}).Subscribe("a"))
		<-c.done
		r.wantCalls(t, "closed", "joins a", "leaves a")
		wantText(t, c.conn.text(), "")
	})
}

// A panic in a hook is logged, and affects neither other hooks nor the stream.
func TestHooksPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &hookRecorder{}
		hub := openHub(t, r.config())
		oh := func(*core.Stream) { panic("oh hook") }
		r.do = map[string]func(*core.Stream){"joins a": oh, "leaves a": oh, "joins b": oh, "leaves b": oh}
		var log bytes.Buffer
		cfg := core.GateConfig{Heartbeat: -1, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		s, c := openSubscribed(t, hub, cfg, core.Subscription{Channels: []string{"a"}})
		change(t, s, []string{"b", "c"}, []string{"a"})
		publish(t, hub, "b", "1")
		c.wantBlocks(t, "open", "@0", "1 @1")
		c.hangUp()
		<-c.done
		r.wantCalls(t, "gone", "joins a", "leaves a", "joins b", "joins c", "leaves b", "leaves c")
		for _, what := range []string{"join", "leave"} {
			if n := strings.Count(log.String(), `msg="panic in `+what+` hook"`); n != 2 {
				t.Errorf("log: got %d lines about panics in %s hooks, want 2: %s", n, what, &log)
			}
		}
	})
}

// A slow hook blocks neither the stream nor its changes. The hooks of those
// changes run afterwards in the same goroutine, in order.
func TestHooksTakeTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &hookRecorder{}
		hub := openHub(t, r.config())
		halt := make(chan struct{})
		r.do = map[string]func(*core.Stream){"joins b": func(*core.Stream) { <-halt }}
		s, c := openSubscribed(t, hub, core.GateConfig{Heartbeat: -1}, core.Subscription{Channels: []string{"a"}})
		added := make(chan error)
		go func() { added <- s.AddChannels("b") }()
		synctest.Wait()
		publish(t, hub, "b", "1")
		synctest.Wait()
		change(t, s, []string{"c"}, []string{"b"})
		publish(t, hub, "c", "2")
		c.wantBlocks(t, "in the hook", "@0", "1 @1", "2 @2")
		c.hangUp()
		<-c.done
		r.wantCalls(t, "still in the hook", "joins a", "joins b")
		close(halt)
		if err := <-added; err != nil {
			t.Errorf("AddChannels: got %v, want nil", err)
		}
		r.wantCalls(t, "after it", "joins a", "joins b", "leaves b", "joins c", "leaves a", "leaves c")
	})
}

// Each join is followed by one leave, however many goroutines change a stream.
func TestHooksPair(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	in := make(map[string]bool)
	note := func(joins bool) func(string, *core.Stream) {
		return func(channel string, _ *core.Stream) {
			mu.Lock()
			defer mu.Unlock()
			if in[channel] == joins {
				t.Errorf("%s: got %t twice, want joins and leaves in turn", channel, joins)
			}
			in[channel] = joins
		}
	}
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{OnJoin: note(true), OnLeave: note(false)})
		s, c := openSubscribed(t, hub, core.GateConfig{}, core.Subscription{Channels: []string{"a"}})
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for n := range 100 {
					channel := strconv.Itoa((i + n) % 5)
					_ = s.AddChannels(channel, "a")
					_ = s.RemoveChannels(channel)
				}
			})
		}
		all.Wait()
		c.hangUp()
		<-c.done
	})
	for channel, joined := range in {
		if joined {
			t.Errorf("%s: got a join without a leave", channel)
		}
	}
}
