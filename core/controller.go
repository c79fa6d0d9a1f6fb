package core

import "time"

// ControllerInterval is the default time between two calls of [Controller]'s
// Events.
const ControllerInterval = time.Second

// Controller makes a stream's events on demand. Core calls Events again and
// again for the events after the client's last event ID; Events also returns
// how long to wait until the next call. One controller serves all streams of
// its endpoint, each from a goroutine of its own, so its methods must be safe
// for concurrent use.
type Controller interface {
	// Events returns the events after lastEventID, oldest first, or none if
	// there are none yet. The events should have IDs: the ID of the last one is
	// the lastEventID of the next call. wait is the time until the next call; 0
	// or less means [ControllerInterval]. An error ends the stream.
	Events(s *Sender, lastEventID string) (events []Event, wait time.Duration, err error)
}

// Connector is an optional interface of a [Controller].
type Connector interface {
	// Connected is called for a new stream before its first call of Events, in
	// the stream's goroutine. An error ends the stream.
	Connected(s *Sender) error
}

// Disconnector is an optional interface of a [Controller].
type Disconnector interface {
	// Disconnected is called when a stream has ended, in the stream's goroutine,
	// if Connected did not return an error.
	Disconnected(s *Sender)
}

// Control returns a handler that serves streams with a controller. Between the
// calls, other goroutines may send on the stream. Neither delays the other, nor
// the heartbeats.
func Control(c Controller) Handler {
	return func(s *Sender) error {
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

func control(c Controller, s *Sender) error {
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
