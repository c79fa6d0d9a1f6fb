//go:build linux

//nolint:thelper // These are tests: a failure is at a line of theirs.
package core_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// wantEOF reads the rest of the response, which must be complete, and returns
// it.
func (c *rawClient) wantEOF(t *testing.T) string {
	t.Helper()
	rest, err := io.ReadAll(c.in)
	if err != nil {
		t.Errorf("the rest of the stream: got %v, want its end", err)
	}
	return string(rest)
}

// However a stream ends, it leaves nothing behind, and another stream
// continues.
//
//nolint:paralleltest // It counts descriptors.
func TestHijackEndings(t *testing.T) {
	stop := func(do func(*core.Stream)) func(*fixture, *core.Stream) {
		return func(_ *fixture, s *core.Stream) { do(s) }
	}
	panics := func(set func(*core.Handshake)) core.GateConfig {
		return core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
			if h.Request().URL.Path == "/victim" {
				set(h)
			}
			return nil
		}}}
	}
	for name, test := range map[string]struct {
		cfg  core.GateConfig
		end  func(*fixture, *core.Stream)
		want error
	}{
		"Close":  {end: stop(func(s *core.Stream) { _ = s.Close() }), want: core.ErrClosed},
		"expiry": {end: stop(func(s *core.Stream) { s.SetExpiry(time.Now().Add(10 * time.Millisecond)) }), want: core.ErrExpired},
		"panic in the filter": {
			cfg: panics(func(h *core.Handshake) { h.SetFilter(func(core.Delivery) bool { panic("oh filter") }) }), want: core.ErrPanic,
		},
		"panic in the deliver hook": {
			cfg: panics(func(h *core.Handshake) {
				h.OnDeliver(func(events, _ int) {
					if events > 0 {
						panic("oh hook")
					}
				})
			}), want: core.ErrPanic,
		},
		"panic in the close hook": {
			cfg: panics(func(h *core.Handshake) { h.OnClose(func(core.Summary) { panic("oh hook") }) }),
			end: stop(func(s *core.Stream) { _ = s.Close() }), want: core.ErrClosed,
		},
		"close in the deliver hook": {
			cfg: panics(func(h *core.Handshake) {
				h.OnDeliver(func(events, _ int) {
					if events > 0 {
						_ = h.Close()
					}
				})
			}), want: core.ErrClosed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			wantNoLeaks(t, func(t *testing.T) {
				hub := openHub(t, core.HubConfig{})
				f := openFixture(t, hub, test.cfg, map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a"), "/victim": subscribeTo("a")})
				other := f.open(t, "/", "", 0)
				other.readPrelude(t)
				<-f.Opened
				for range 5 {
					victim := f.open(t, "/victim", "", 0)
					victim.readPrelude(t)
					s := ssetest.Receive(t, f.Opened, "stream")
					if test.end != nil {
						test.end(f, s)
					} else {
						publish(t, hub, "a", "to all")
						other.wantData(t, "to all")
					}
					victim.wantEOF(t)
					if sum := f.Closed(t); !errors.Is(sum.Reason, test.want) || !sum.Opened {
						t.Errorf("summary: got %+v, want %v", sum, test.want)
					}
				}
				publish(t, hub, "a", "goes on")
				other.wantData(t, "goes on")
				if got := hub.Stats().Streams; got != 1 {
					t.Errorf("streams: got %d, want 1", got)
				}
			})
		})
	}
}

// Setters of an open stream do not race with its delivery.
func TestHijackChanges(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	f := openFixture(t, hub, core.GateConfig{}, map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a")})
	for range 20 {
		c := f.open(t, "/", "", 0)
		c.readPrelude(t)
		s := ssetest.Receive(t, f.Opened, "stream")
		var setting sync.WaitGroup
		setting.Go(func() {
			s.SetValue("key", "value")
			s.SetIdentity("somebody")
			s.SetExpiry(time.Now().Add(time.Hour))
		})
		publish(t, hub, "a", "x")
		c.wantData(t, "x")
		setting.Wait()
		_ = s.Close()
	}
}

// Streams end after the gate's lifetime and a random extra.
//
//nolint:paralleltest // It counts descriptors.
func TestHijackLifetime(t *testing.T) {
	wantNoLeaks(t, func(t *testing.T) {
		const life = 100 * time.Millisecond
		f := openFixture(t, openHub(t, core.HubConfig{}), core.GateConfig{Lifetime: life}, map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a")})
		for range 20 {
			f.open(t, "/", "", 0)
		}
		for range 20 {
			if sum := f.Closed(t); !errors.Is(sum.Reason, core.ErrLifetime) || sum.Duration < life {
				t.Errorf("summary: got %+v, want ErrLifetime after %v at least", sum, life)
			}
		}
	})
}

// A close hook that blocks does not delay delivery.
func TestHijackBlockingCloseHook(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	blocking, proceed := make(chan struct{}, 10), make(chan struct{})
	f := openFixture(t, hub, core.GateConfig{Heartbeat: 50 * time.Millisecond, Middleware: []core.Middleware{func(h *core.Handshake) error {
		if h.Request().URL.Path == "/blocks" {
			h.OnClose(func(core.Summary) {
				blocking <- struct{}{}
				<-proceed
			})
		}
		return nil
	}}}, map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a"), "/blocks": subscribeTo("a")})
	var wires []*rawClient
	for range 4 {
		c := f.open(t, "/", "", 0)
		c.readPrelude(t)
		wires = append(wires, c)
		_ = f.open(t, "/blocks", "", 0).Close()
	}
	ssetest.Receive(t, blocking, "close hook")
	joins := f.open(t, "/", "", 0)
	joins.readPrelude(t)
	joins.readLine(t, ":") // a heartbeat
	wires = append(wires, joins)
	publish(t, hub, "a", "x")
	for _, c := range wires {
		c.wantData(t, "x")
	}
	close(proceed)
	for range 4 {
		if sum := f.Closed(t); !errors.Is(sum.Reason, core.ErrClientGone) {
			t.Errorf("summary: got %+v, want ErrClientGone", sum)
		}
	}
}

// Clients that connect while the hub drains or closes are refused, or their
// streams end properly.
//
//nolint:paralleltest // It counts descriptors.
func TestHijackJoinWhileEnding(t *testing.T) {
	for name, end := range map[string]func(*core.Hub) error{
		"Drain": func(h *core.Hub) error {
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			defer cancel()
			if err := h.Drain(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				return err
			}
			return nil
		},
		"Close": (*core.Hub).Close,
	} {
		t.Run(name, func(t *testing.T) {
			wantNoLeaks(t, func(t *testing.T) {
				for range 5 {
					hub := openHub(t, core.HubConfig{})
					f := openFixture(t, hub, core.GateConfig{Heartbeat: 20 * time.Millisecond}, map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a")})
					var joining sync.WaitGroup
					many := make(chan struct{}, 1000)
					for range 8 {
						joining.Go(func() {
							var open []*rawClient
							for {
								c, err := f.dial("/", "", 0)
								if err != nil {
									// Refused, or cut in the middle of the head.
									if !strings.Contains(err.Error(), "503") && !errors.Is(err, io.EOF) {
										t.Errorf("joining: %v", err)
									}
									if c != nil {
										_ = c.Close()
									}
									break
								}
								open = append(open, c)
								many <- struct{}{}
							}
							for _, c := range open {
								rest := c.wantEOF(t)
								if name == "Drain" && strings.Count(rest, "retry: ") != 2 {
									t.Errorf("stream that was drained: got %q, want a farewell", rest)
								}
								_ = c.Close()
							}
						})
					}
					for range 40 {
						ssetest.Receive(t, many, "client")
					}
					if err := end(hub); err != nil {
						t.Errorf("%s: %v", name, err)
					}
					joining.Wait()
					eventually(t, "streams", 0, func() int { return hub.Stats().Streams })
				}
			})
		})
	}
}

// Idle connections receive heartbeats at about the configured interval; busy
// ones receive none.
func TestHijackHeartbeats(t *testing.T) {
	t.Parallel()
	const every, beats, clients = 50 * time.Millisecond, 10, 20
	hub := openHub(t, core.HubConfig{})
	f := openFixture(t, hub, core.GateConfig{Heartbeat: every}, map[string]func(*core.Gate) *core.Endpoint{"/idle": subscribeTo("idle")})
	var all sync.WaitGroup
	for range clients {
		c := f.open(t, "/idle", "", 0)
		c.readPrelude(t)
		all.Go(func() {
			c.readLine(t, ":")
			began := time.Now()
			for range beats {
				c.readLine(t, ":")
			}
			if took := time.Since(began); took < beats*every*9/10 || took > 20*beats*every {
				t.Errorf("%d heartbeats: got them in %v, want about %v", beats, took, beats*every)
			}
		})
	}
	all.Wait()
}

// While events come, there are no heartbeats.
func TestHijackNoHeartbeats(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	f := openFixture(t, hub, core.GateConfig{Heartbeat: 2 * time.Second}, map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("busy")})
	c := f.open(t, "/", "", 0)
	c.readPrelude(t)
	publish(t, hub, "busy", "first")
	c.wantData(t, "first")
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for range 30 { // longer than a heartbeat
		<-ticker.C
		publish(t, hub, "busy", "x")
	}
	publish(t, hub, "busy", "last")
	for {
		line, err := c.in.ReadString('\n')
		if err != nil || line == "data: last\n" {
			break
		}
		if strings.HasPrefix(line, ":") {
			t.Errorf("heartbeat between events: got %q, want none", line)
		}
	}
}
