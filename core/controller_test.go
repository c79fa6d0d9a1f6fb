package core_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
)

// fakeController answers calls with a function, and records them.
type fakeController struct {
	events func(call int) ([]core.Event, time.Duration, error)

	calls []string // when, and after which ID
	start time.Time
	begun bool
}

func (ctrl *fakeController) Events(_ *core.Sender, last string) ([]core.Event, time.Duration, error) {
	if !ctrl.begun {
		ctrl.begun, ctrl.start = true, time.Now()
	}
	ctrl.calls = append(ctrl.calls, fmt.Sprintf("%v %s", time.Since(ctrl.start), last))
	return ctrl.events(len(ctrl.calls) - 1)
}

// fullController implements [core.Connector] and [core.Disconnector] too.
type fullController struct {
	fakeController

	connected error
	log       []string
}

func (ctrl *fullController) Connected(s *core.Sender) error {
	ctrl.log = append(ctrl.log, "connected")
	if err := s.Send(event("hello")); err != nil {
		return err
	}
	return ctrl.connected
}

func (ctrl *fullController) Disconnected(*core.Sender) { ctrl.log = append(ctrl.log, "disconnected") }

var (
	_ core.Connector    = (*fullController)(nil)
	_ core.Disconnector = (*fullController)(nil)
)

func TestControllerIsAskedAgainAndAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		done := errors.New("done")
		ctrl := &fakeController{events: func(call int) ([]core.Event, time.Duration, error) {
			switch call {
			case 0:
				return []core.Event{{ID: "1", Data: "a"}, {ID: "2", Data: "b"}}, 0, nil
			case 1:
				return nil, 5 * time.Second, nil
			case 2:
				return []core.Event{{ID: "3"}, {Data: "without an ID"}}, -time.Second, nil
			default:
				return nil, 0, done
			}
		}}
		var s *core.Sender
		r := newRequest(t, t.Context())
		r.Header.Set("Last-Event-ID", "0")
		c := connectAs(t, core.Handle(core.NewHub(core.HubConfig{}), func(own *core.Sender) error {
			s = own
			return core.Control(ctrl)(s)
		}), r, func() {}, newMemConn())
		<-c.done
		wantReason(t, s.Err(), done)
		want := []string{"0s 0", "1s 2", "6s 2", "7s 3"}
		if !slices.Equal(ctrl.calls, want) {
			t.Errorf("got calls %q, want %q", ctrl.calls, want)
		}
		wantText(t, c.conn.text(1), "data: a\nid: 1\n\ndata: b\nid: 2\n\n")
	})
}

func TestControllerKnowsWhoComesAndGoes(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		connected error
		events    func(call int) ([]core.Event, time.Duration, error)
		want      string
		reason    error
	}{
		"error":          {nil, func(int) ([]core.Event, time.Duration, error) { return nil, 0, boom }, "connected disconnected", boom},
		"panic":          {nil, func(int) ([]core.Event, time.Duration, error) { panic("boom") }, "connected disconnected", core.ErrPanic},
		"bad event":      {nil, func(int) ([]core.Event, time.Duration, error) { return []core.Event{{ID: "\n"}}, 0, nil }, "connected disconnected", nil},
		"never accepted": {boom, nil, "connected", boom},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctrl := &fullController{fakeController: fakeController{events: test.events}, connected: test.connected}
				var s *core.Sender
				c := connect(t, core.Handle(core.NewHub(core.HubConfig{}), func(own *core.Sender) error {
					s = own
					return core.Control(ctrl)(s)
				}))
				<-c.done
				wantText(t, strings.Join(ctrl.log, " "), test.want)
				if test.reason != nil {
					wantReason(t, s.Err(), test.reason)
				}
				if bad := (*core.FieldError)(nil); test.reason == nil && !errors.As(s.Err(), &bad) {
					t.Errorf("got %v, want a FieldError", s.Err())
				}
				if !strings.Contains(c.conn.text(), "data: hello") {
					t.Errorf("got %q, want what Connected sent", c.conn.text())
				}
			})
		})
	}
}

func TestControllerOfAClientThatLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctrl := &fullController{fakeController: fakeController{events: func(int) ([]core.Event, time.Duration, error) {
			return nil, time.Hour, nil
		}}}
		c := connect(t, core.Handle(core.NewHub(core.HubConfig{}), core.Control(ctrl)))
		synctest.Wait()
		start := time.Now()
		c.hangUp()
		<-c.done
		if got := time.Since(start); got != 0 {
			t.Errorf("got the end %v after the client left, want at once", got)
		}
		wantText(t, strings.Join(ctrl.log, " "), "connected disconnected")
	})
}

func TestControllerDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctrl := &fakeController{events: func(int) ([]core.Event, time.Duration, error) { return nil, time.Hour, nil }}
		gate, _ := gateOf()
		var s *core.Sender
		c := connect(t, gate.Handle(func(own *core.Sender) error {
			s = own
			return core.Control(ctrl)(s)
		}))
		synctest.Wait()
		if err := gate.Hub().Drain(t.Context()); err != nil {
			t.Error(err)
		}
		<-c.done
		wantReason(t, s.Err(), core.ErrDraining)
	})
}

func TestControllersIntervalDoesNotDelayHeartbeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctrl := &fakeController{events: func(int) ([]core.Event, time.Duration, error) {
			return []core.Event{event("a")}, time.Hour, nil
		}}
		c := connect(t, core.Handle(core.NewHub(core.HubConfig{}), core.Control(ctrl)))
		time.Sleep(31 * time.Second)
		wantBeats(t, c, 15*time.Second, 30*time.Second)
	})
}

// A slow query does not delay heartbeats either.
func TestControllersQueryDoesNotDelayHeartbeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctrl := &fakeController{events: func(call int) ([]core.Event, time.Duration, error) {
			if call == 1 {
				time.Sleep(time.Minute)
			}
			return nil, 0, nil
		}}
		c := connect(t, core.Handle(core.NewHub(core.HubConfig{}), core.Control(ctrl)))
		time.Sleep(31 * time.Second)
		wantBeats(t, c, 15*time.Second, 30*time.Second)
	})
}

// A controller is called although other goroutines send on its stream all the
// time.
func TestControllerInAFlood(t *testing.T) {
	t.Parallel()
	var flood sync.WaitGroup
	ctrl := &fakeController{events: func(call int) ([]core.Event, time.Duration, error) {
		if call == 20 {
			return nil, 0, errors.New("enough")
		}
		return []core.Event{{Name: "controlled"}}, time.Nanosecond, nil
	}}
	c := connect(t, core.Handle(core.NewHub(core.HubConfig{}), func(s *core.Sender) error {
		for range 3 {
			flood.Go(func() {
				for s.Send(event("flood")) == nil {
				}
			})
		}
		return core.Control(ctrl)(s)
	}))
	<-c.done
	flood.Wait()
	if got := strings.Count(c.conn.text(), "event: controlled"); got != 20 {
		t.Errorf("got %d of the controller's events, want 20", got)
	}
}
