//go:build linux

package core_test

import (
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// slowDeadline is a connection whose SetWriteDeadline blocks.
type slowDeadline struct {
	*memConn

	asked, goOn chan struct{}
}

func (c slowDeadline) SetWriteDeadline(at time.Time) error {
	c.asked <- struct{}{}
	<-c.goOn
	return c.memConn.SetWriteDeadline(at)
}

// An adapter whose SetWriteDeadline blocks delays its write only. The stream
// can be inspected and closed meanwhile.
func TestSlowSetWriteDeadline(t *testing.T) {
	t.Parallel()
	var s *core.Handshake
	endpoint := core.NewGate(openHub(t, core.HubConfig{}), core.GateConfig{Middleware: []core.Middleware{
		func(h *core.Handshake) error { s = h; return nil },
	}}).Handle(waitForEnd)
	o := endpoint.Open(core.Request{Request: newRequest(t, t.Context())})
	conn := slowDeadline{newMemConn(), make(chan struct{}, 100), make(chan struct{})}
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		o.Run(conn)
	}()
	ssetest.Receive(t, conn.asked, "deadline of the head")
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	if err := ssetest.Receive(t, closed, "return of Close"); err != nil {
		t.Errorf("Close: %v", err)
	}
	wantReason(t, s.Err(), core.ErrClosed)
	close(conn.goOn)
	ssetest.Receive(t, ran, "return of Run")
}
