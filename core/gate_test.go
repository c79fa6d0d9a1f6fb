package core_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core"
)

// gateOf returns a gate with that middleware, a hub of its own, and a logger
// that writes to the returned buffer.
func gateOf(middleware ...core.Middleware) (*core.Gate, *bytes.Buffer) {
	var log bytes.Buffer
	return core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{
		Middleware: middleware,
		Logger:     slog.New(slog.NewTextHandler(&log, nil)),
	}), &log
}

// waitForEnd is a handler that lasts as long as its stream.
func waitForEnd(s *core.Sender) error {
	<-s.Done()
	return nil
}

// NewGate panics without a hub: nothing could be published to its streams.
func TestGateWithoutHub(t *testing.T) {
	t.Parallel()
	for name, build := range map[string]func(){
		"gate":      func() { core.NewGate(nil, core.GateConfig{}) },
		"handle":    func() { core.Handle(nil, waitForEnd) },
		"subscribe": func() { core.Subscribe(nil, "a") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: got no panic", name)
				}
			}()
			build()
		}()
	}
}

func TestMiddlewareAndHooksRunInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got []string
		step := func(name string) core.Middleware {
			return func(h *core.Handshake) error {
				got = append(got, name)
				h.OnOpen(func() { got = append(got, "open "+name) })
				h.OnClose(func(core.Summary) { got = append(got, "close "+name) })
				return nil
			}
		}
		gate, _ := gateOf(step("a"), step("b"))
		c := connect(t, gate.Handle(func(*core.Sender) error {
			got = append(got, "handler")
			return nil
		}))
		<-c.done
		want := []string{"a", "b", "open a", "open b", "handler", "close b", "close a"}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestRefusalStopsAtTheGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		closed, opened := 0, 0
		var sum core.Summary
		cause := errors.New("cause")
		gate, log := gateOf(
			func(h *core.Handshake) error {
				h.Header().Set("X-Kept", "yes")
				h.OnOpen(func() { opened++ })
				h.OnClose(func(got core.Summary) { closed++; sum = got })
				return nil
			},
			func(*core.Handshake) error {
				return &core.Refusal{Status: http.StatusUnauthorized, Err: cause}
			},
			func(*core.Handshake) error { t.Error("a refused stream reached the next middleware"); return nil },
		)
		o := gate.Handle(waitForEnd).Open(core.Request{Request: newRequest(t, t.Context())})
		if o.Streams || o.Status != http.StatusUnauthorized || string(o.Body) != "Unauthorized\n" {
			t.Errorf("got %d %q, want 401", o.Status, o.Body)
		}
		if o.Header.Get("X-Kept") != "yes" {
			t.Error("a refusal lost the header of a middleware")
		}
		if opened != 0 || closed != 1 {
			t.Errorf("got %d open and %d close hooks, want 0 and 1", opened, closed)
		}
		var refusal *core.Refusal
		if sum.Opened || !errors.As(sum.Reason, &refusal) || !errors.Is(sum.Reason, cause) {
			t.Errorf("got %+v, want the refusal and its cause", sum)
		}
		if strings.Contains(log.String(), "secret") {
			t.Errorf("the log holds the query: %s", log)
		}
	})
}

// A panic in any function of the application ends only its stream, is logged
// once, and the other hooks still run.
func TestPanics(t *testing.T) {
	t.Parallel()
	boom := func() { panic("boom") }
	for name, middleware := range map[string]core.Middleware{
		"middleware": func(*core.Handshake) error { boom(); return nil },
		"open hook":  func(h *core.Handshake) error { h.OnOpen(boom); return nil },
		"close hook": func(h *core.Handshake) error { h.OnClose(func(core.Summary) { boom() }); return nil },
		"deliver hook": func(h *core.Handshake) error {
			h.OnDeliver(func(int, int) { boom() })
			return nil
		},
		"filter": func(h *core.Handshake) error {
			h.SetFilter(func(core.Delivery) bool { boom(); return true })
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var sum core.Summary
				gate, log := gateOf(func(h *core.Handshake) error {
					h.OnClose(func(got core.Summary) { sum = got })
					return nil
				}, middleware)
				ctx, hangUp := context.WithCancel(t.Context())
				o := gate.Subscribe("c").Open(core.Request{Request: newRequest(t, ctx)})
				if o.Streams {
					done := make(chan struct{})
					go func() {
						defer close(done)
						o.Run(newMemConn())
					}()
					synctest.Wait()
					if _, err := gate.Hub().Publish(ctx, "c", event("a")); err != nil {
						t.Error(err)
					}
					synctest.Wait()
					hangUp()
					<-done
				} else if o.Status != http.StatusInternalServerError {
					t.Errorf("got %d, want 500", o.Status)
				}
				hangUp()
				if name != "close hook" {
					wantReason(t, sum.Reason, core.ErrPanic)
				}
				if sum.Reason == nil {
					t.Error("the close hook of another middleware was left out")
				}
				if got := strings.Count(log.String(), "\n"); got != 1 || !strings.Contains(log.String(), "boom") {
					t.Errorf("got the log %q, want one line about the panic", log)
				}
			})
		})
	}
}

// A hook that panics while a heartbeat or another goroutine sends must end
// neither the program nor hold up the others.
func TestPanicInDeliverHookReleasesSenders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s, c := openSender(t, core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
			h.OnDeliver(func(int, int) {
				if calls++; calls == 2 {
					panic("boom")
				}
			})
			return nil
		}}})
		<-c.done // a heartbeat is the second write
		wantReason(t, s.Err(), core.ErrPanic)
	})
}

func TestDeliverHookCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var events, bytes, calls int
		var sum core.Summary
		gate, _ := gateOf(func(h *core.Handshake) error {
			h.OnDeliver(func(e, n int) { calls++; events += e; bytes += n })
			h.OnClose(func(got core.Summary) { sum = got })
			return h.Send(event("greeting"))
		})
		c := connect(t, gate.Handle(func(s *core.Sender) error {
			return errors.Join(s.Send(event("a"), event("b")), s.Comment(""))
		}))
		<-c.done
		if events != 3 || bytes != len(c.conn.text()) || calls != 3 {
			t.Errorf("got %d events, %d bytes, %d calls, want 3, %d, 3", events, bytes, calls, len(c.conn.text()))
		}
		if sum.Events != int64(events) || sum.Bytes != int64(bytes) {
			t.Errorf("got the summary %+v, want %d events and %d bytes", sum, events, bytes)
		}
	})
}

func TestGreeting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate, _ := gateOf(func(h *core.Handshake) error {
			if err := h.Send(core.Event{Name: "x\n"}); err == nil {
				t.Error("got no error for a bad event in a greeting")
			}
			wantReason(t, h.Send(event(strings.Repeat("x", 64<<10))), core.ErrTooLarge)
			return errors.Join(h.Send(event("a")), h.Comment("b"))
		})
		<-connect(t, gate.Handle(func(s *core.Sender) error {
			return nil
		})).done
		c := connect(t, gate.Subscribe("c"))
		synctest.Wait()
		if got := c.conn.text(0); !strings.HasPrefix(got, "retry: 3000\n\n: open\n\ndata: a\n\n: b\n\nid: ") {
			t.Errorf("got %q, want the greeting in the first flush", got)
		}
	})
}

// What is sent while the stream opens is part of the greeting or follows it:
// nothing is lost, and nothing is sent before the head.
func TestSendWhileOpening(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate, _ := gateOf(func(h *core.Handshake) error {
			h.OnOpen(func() {
				if err := h.Send(event("from the hook")); err != nil {
					t.Error(err)
				}
			})
			return nil
		})
		c := connect(t, gate.Handle(waitForEnd))
		synctest.Wait()
		wantText(t, c.conn.text(), "retry: 3000\n\n: open\n\ndata: from the hook\n\n")
	})
}

func TestSendRacesWithOpening(t *testing.T) {
	t.Parallel()
	for range 100 {
		sent := make(chan int, 1)
		gate, _ := gateOf(func(h *core.Handshake) error {
			go func() {
				n := 0
				for n < 100 && h.Send(event("x")) == nil {
					n++
				}
				sent <- n
			}()
			return nil
		})
		c := connect(t, gate.Handle(func(s *core.Sender) error {
			n := <-sent
			sent <- n
			return nil
		}))
		<-c.done
		if got, want := strings.Count(c.conn.text(), "data: x"), <-sent; got != want {
			t.Fatalf("got %d events, want %d", got, want)
		}
		if text := c.conn.text(); !strings.HasPrefix(text, "retry: 3000\n\n: open\n\n") {
			t.Fatalf("got %.50q, want the head first", text)
		}
	}
}

func TestHandshakeSendsNothingOnceOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s *core.Handshake
		gate, _ := gateOf(func(h *core.Handshake) error { s = h; return nil })
		c := connect(t, gate.Subscribe("c", "b", "c"))
		synctest.Wait()
		for _, err := range []error{s.Send(event("a")), s.Comment("a"), s.Retry(1), s.SendJSON(event(""), 1)} {
			wantReason(t, err, core.ErrOpened)
		}
		if got, want := s.Channels(), []string{"b", "c"}; !slices.Equal(got, want) {
			t.Errorf("got channels %q, want %q", got, want)
		}
		c.hangUp()
		<-c.done
		wantReason(t, s.Send(event("a")), core.ErrClientGone)
	})
}

func TestFiltersMustAgree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var first, second []string
		gate, _ := gateOf(func(h *core.Handshake) error {
			h.SetFilter(func(ev core.Delivery) bool {
				first = append(first, ev.Data)
				return ev.Data != "a"
			})
			h.SetFilter(func(ev core.Delivery) bool {
				second = append(second, ev.Data)
				return ev.Data != "b"
			})
			return nil
		})
		publish := func(texts ...string) {
			for _, text := range texts {
				if _, err := gate.Hub().Publish(t.Context(), "c", event(text)); err != nil {
					t.Fatal(err)
				}
			}
		}
		publish("a", "b", "replayed")
		c := connect(t, gate.SubscribeFunc(func(*core.Handshake) (core.Subscription, error) {
			return core.Subscription{Channels: []string{"c"}, Start: core.Earliest()}, nil
		}))
		synctest.Wait()
		publish("a", "b", "live")
		synctest.Wait()
		var got []string
		for ev, err := range core.NewDecoder(strings.NewReader(c.conn.text()), core.DecoderConfig{}).All() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, ev.Data)
		}
		if want := []string{"replayed", "live"}; !slices.Equal(got, want) {
			t.Errorf("got events %q, want %q", got, want)
		}
		if want := []string{"a", "b", "replayed", "a", "b", "live"}; !slices.Equal(first, want) {
			t.Errorf("got first filter asked for %q, want %q", first, want)
		}
		if want := []string{"b", "replayed", "b", "live"}; !slices.Equal(second, want) {
			t.Errorf("got second filter asked for %q, want %q", second, want)
		}
	})
}

type valueKey struct{}

func TestStreamSaysWhoseItIs(t *testing.T) {
	t.Parallel()
	r := newRequest(t, context.WithValue(t.Context(), valueKey{}, "of the request"))
	r.Header.Set("Last-Event-ID", "7")
	gate, _ := gateOf(func(h *core.Handshake) error {
		if got := h.Value(valueKey{}); got != nil {
			t.Errorf("got value %v before one was set", got)
		}
		h.SetValue(valueKey{}, 42)
		h.SetIdentity("ann")
		return nil
	})
	ids := make(map[string]bool)
	for range 2 {
		<-connectAs(t, gate.Handle(func(s *core.Sender) error {
			ids[s.ID()] = true
			got := []any{
				s.Context().Value(valueKey{}), s.Value(valueKey{}), s.Identity(),
				s.LastEventID(), s.RemoteAddr(), s.Request().URL.Path, len(s.Channels()),
			}
			want := []any{"of the request", 42, "ann", "7", r.RemoteAddr, "/path", 0}
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			return nil
		}), r, func() {}, newMemConn()).done
	}
	if len(ids) != 2 {
		t.Errorf("got %d stream IDs, want 2", len(ids))
	}
}
