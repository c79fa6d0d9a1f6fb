//go:build linux

package core_test

import (
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// Any function that the hub calls may call hub.Close.
func TestCloseInHooks(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(s *core.Handshake, closeHub func()){
		"open":    func(h *core.Handshake, closeHub func()) { h.OnOpen(closeHub) },
		"close":   func(h *core.Handshake, closeHub func()) { h.OnClose(func(core.Summary) { closeHub() }) },
		"deliver": func(h *core.Handshake, closeHub func()) { h.OnDeliver(func(int, int) { closeHub() }) },
		"filter": func(h *core.Handshake, closeHub func()) {
			h.SetFilter(func(core.Delivery) bool { closeHub(); return true })
		},
		"join":  nil,
		"leave": nil,
	} {
		for _, mode := range []core.ConnMode{core.OwnedConn, core.ResponseConn} {
			t.Run(name+" "+mode.String(), func(t *testing.T) {
				t.Parallel()
				var hub *core.Hub
				closed := make(chan error, 100)
				closeHub := func() { closed <- hub.Close() }
				cfg := core.HubConfig{}
				hook := func(string, *core.Stream) { closeHub() }
				switch name {
				case "join":
					cfg.OnJoin = hook
				case "leave":
					cfg.OnLeave = hook
				}
				hub = openHub(t, cfg)
				f := openFixture(t, hub, core.GateConfig{Conn: mode, Middleware: []core.Middleware{func(h *core.Handshake) error {
					if at != nil {
						at(h, closeHub)
					}
					return nil
				}}}, map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a")})
				c, err := f.dial("/", "", 0)
				if err == nil { // it may be over before its head is sent
					defer func() { _ = c.Close() }()
					_, _ = hub.Publish(t.Context(), "a", core.Event{Data: "x"})
					if name == "close" || name == "leave" {
						_ = c.Close()
					}
				}
				if err := ssetest.Receive(t, closed, "return of Close"); err != nil {
					t.Errorf("Close: %v", err)
				}
				f.Closed(t)
				if err := hub.Close(); err != nil {
					t.Errorf("Close again: %v", err)
				}
			})
		}
	}
}

// The hooks of a stream that did not open may call hub.Close.
func TestCloseInHooksOfWhatDoesNotOpen(t *testing.T) {
	t.Parallel()
	for name, give := range map[string]func(o *core.Opening, conn net.Conn){
		"abandoned":  func(o *core.Opening, _ net.Conn) { o.Abandon(errors.New("no head")) },
		"open fails": func(o *core.Opening, conn net.Conn) { o.Own(conn, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := openHub(t, core.HubConfig{})
			closed := make(chan error, 1)
			gate := core.NewGate(hub, core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
				h.OnOpen(func() { panic(http.ErrAbortHandler) })
				h.OnClose(func(core.Summary) { closed <- hub.Close() })
				return nil
			}}})
			ln, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				t.Fatalf("listen: %v", err)
			}
			defer func() { _ = ln.Close() }()
			far, err := net.Dial("tcp4", ln.Addr().String())
			if err != nil {
				t.Fatalf("dial: %v", err)
			}
			defer func() { _ = far.Close() }()
			o := gate.Subscribe("a").Open(core.Request{Request: newRequest(t, t.Context()), CanOwn: true})
			go give(o, far)
			if err := ssetest.Receive(t, closed, "return of Close"); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

// Close waits for the hooks of a stream that is just opening.
func TestCloseWaitsForOpeningHooks(t *testing.T) {
	t.Parallel()
	entered, closed := make(chan struct{}), make(chan struct{})
	var opened, ended atomic.Bool
	hub := openHub(t, core.HubConfig{})
	f := openFixture(t, hub, core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
		h.OnOpen(func() {
			close(entered)
			<-h.Done() // Close has begun
			select {
			case <-closed:
			case <-time.After(100 * time.Millisecond):
			}
			opened.Store(true)
		})
		h.OnClose(func(core.Summary) { ended.Store(true) })
		return nil
	}}}, map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a")})
	dialled := make(chan struct{})
	go func() {
		defer close(dialled)
		if c, err := f.dial("/", "", 0); err == nil {
			_ = c.Close()
		}
	}()
	<-entered
	if err := hub.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if !opened.Load() || !ended.Load() {
		t.Errorf("hooks when Close returned: got open %t, close %t, want both done", opened.Load(), ended.Load())
	}
	close(closed)
	<-dialled
}
