package core_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
)

// A stream that its adapter never runs is released after a timeout, or when it
// is ended. Then the hub does not count it, and Drain does not wait for it.
func TestStreamThatIsNeverRun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		timeout time.Duration
		end     func(s *core.Stream, hangUp func())
		after   time.Duration
		want    error
	}{
		"write timeout":    {3 * time.Second, nil, 3 * time.Second, core.ErrWriteTimeout},
		"no write timeout": {-1, nil, time.Minute, core.ErrWriteTimeout},
		"client gone":      {0, func(_ *core.Stream, hangUp func()) { hangUp() }, 0, core.ErrClientGone},
		"closed":           {0, func(s *core.Stream, _ func()) { _ = s.Close() }, 0, core.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				hub := openHub(t, core.HubConfig{})
				var stream *core.Stream
				var sums []core.Summary
				gate := core.NewGate(hub, core.GateConfig{WriteTimeout: test.timeout, Middleware: []core.Middleware{
					func(h *core.Handshake) error {
						stream = h.Stream
						h.OnClose(func(sum core.Summary) { sums = append(sums, sum) })
						return nil
					},
				}})
				ctx, hangUp := context.WithCancel(t.Context())
				o := gate.Subscribe("news").Open(core.Request{Request: newRequest(t, ctx)})
				if test.end != nil {
					test.end(stream, hangUp)
				}
				if err := hub.Drain(context.WithoutCancel(ctx)); err != nil {
					t.Errorf("Drain: %v", err)
				}
				synctest.Wait()
				if got := time.Since(begin); got != test.after {
					t.Errorf("the stream was over after %v, want %v", got, test.after)
				}
				if got := hub.Stats().Streams; got != 0 {
					t.Errorf("streams: got %d, want none", got)
				}
				conn := newMemConn()
				o.Run(conn)
				o.Abandon(errors.New("late"))
				if got := conn.text(); got != "" {
					t.Errorf("sent by a late Run: got %q, want nothing", got)
				}
				if len(sums) != 1 || sums[0].Opened || !errors.Is(sums[0].Reason, test.want) {
					t.Errorf("summaries: got %+v, want one with %v", sums, test.want)
				}
				hangUp()
			})
		})
	}
}

// A stream that runs in time may take as long as it likes.
func TestStreamThatIsRunInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := openSender(t, core.GateConfig{WriteTimeout: time.Second, Heartbeat: -1})
		time.Sleep(time.Hour)
		if err := s.Err(); err != nil {
			t.Errorf("after an hour: got %v, want an open stream", err)
		}
	})
}

// A stream over TLS that ends before its connection is hijacked leaves no
// goroutine behind; TestMain would find one.
func TestTLSStreamThatIsOverBefore(t *testing.T) {
	t.Parallel()
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
	tcp, err := ln.Accept()
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	var s *core.Stream
	finished := make(chan struct{})
	gate := core.NewGate(openHub(t, core.HubConfig{}), core.GateConfig{Middleware: []core.Middleware{
		func(h *core.Handshake) error {
			s = h.Stream
			s.OnClose(func(core.Summary) { close(finished) })
			return nil
		},
	}})
	o := gate.Subscribe("a").Open(core.Request{Request: newRequest(t, t.Context()), CanOwn: true})
	if !o.Owned {
		t.Fatalf("Open: got status %d, want a stream to take over", o.Status)
	}
	_ = s.Close()
	<-finished
	conn := tls.Server(tcp, &tls.Config{MinVersion: tls.VersionTLS12})
	if run := o.Own(conn, nil); run != nil {
		run()
	}
	_ = conn.Close()
}
