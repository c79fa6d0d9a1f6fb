package core

import "time"

// ControllerInterval is the time between two calls of a [Controller] that does
// not say how long to wait.
const ControllerInterval = time.Second

// Controller makes a stream's events on demand: it is asked again and again
// what follows the client's last event ID, and says how long to wait until it
// wants to be asked next. One controller serves all streams of its endpoint,
// each from a goroutine of its own.
type Controller interface {
	// Events returns what follows lastEventID, oldest first: nothing if there
	// is nothing yet. The events should have IDs; the last one's is the next
	// call's lastEventID. It also returns how long to wait until the next call;
	// 0 or less means [ControllerInterval]. An error ends the stream.
	Events(s *Stream, lastEventID string) (events []Event, wait time.Duration, err error)
}

// Connector is a [Controller] that wants to know of a new stream before its
// first call of Events. An error ends the stream.
type Connector interface {
	Connected(s *Stream) error
}

// Disconnector is a [Controller] that wants to know when a stream has ended, if
// it has been connected.
type Disconnector interface {
	Disconnected(s *Stream)
}

// Control returns the handler that serves streams by a controller. Between the
// calls, whatever else sends on the stream may do so; neither holds up the
// other, nor the heartbeats.
func Control(c Controller) Handler {
	return func(s *Stream) error {
		if hook, ok := c.(Connector); ok {
			if err := hook.Connected(s); err != nil {
				return err
			}
		}
		if hook, ok := c.(Disconnector); ok {
			defer hook.Disconnected(s)
		}
		return control(c, s)
	}
}

func control(c Controller, s *Stream) error {
	last := s.LastEventID()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.Draining():
			return ErrDraining
		case <-timer.C:
		}
		events, wait, err := c.Events(s, last)
		if err != nil {
			return err
		}
		if len(events) > 0 {
			if err := s.Send(events...); err != nil {
				return err
			}
		}
		for _, ev := range events {
			if ev.ID != "" {
				last = ev.ID
			}
		}
		if wait <= 0 {
			wait = ControllerInterval
		}
		timer.Reset(wait)
	}
}
