package core

import "iter"

// forwardAhead is the number of events that are taken ahead of the write in
// progress.
const forwardAhead = 64

// Forward sends the events of a channel until it is closed, and then returns
// nil. Events that are ready at the same time go out in one write. Forward
// blocks. It returns why the stream ended if that comes first, or the
// [*FieldError] of an event that cannot be encoded; events that are in the
// channel then stay there.
func (s *Sender) Forward(events <-chan Event) error {
	batch := make([]Event, 0, forwardAhead)
	for {
		select {
		case <-s.Done():
			return s.Err()
		case ev, ok := <-events:
			if !ok {
				return nil
			}
			batch = append(batch[:0], ev)
		}
		open := true
		for open && len(batch) < forwardAhead {
			select {
			case ev, ok := <-events:
				if open = ok; ok {
					batch = append(batch, ev)
				}
				continue
			default:
			}
			break
		}
		if err := s.Send(batch...); err != nil {
			return err
		}
		if !open {
			return nil
		}
	}
}

// ForwardSeq sends the events of an iterator until it ends, and then returns
// nil. Events that it yields during a write go out together in the next.
// ForwardSeq blocks. It returns the first error that the iterator yields, why
// the stream ended if that comes first, or the [*FieldError] of an event that
// cannot be encoded. Events that were yielded before an error are still sent.
//
// The iterator runs in the caller's goroutine, and can be stopped only when it
// yields. An iterator that waits should also wait for the stream's context.
func (s *Sender) ForwardSeq(events iter.Seq2[Event, error]) error {
	ahead := make(chan Event, forwardAhead)
	ended := make(chan struct{})
	var sendErr error
	go func() {
		defer close(ended)
		sendErr = s.Forward(ahead)
	}()
	err := s.feed(ahead, ended, events)
	<-ended
	if err == nil {
		err = sendErr
	}
	return err
}

// feed passes events to ahead until the iterator ends or the sender has ended.
func (s *Sender) feed(ahead chan<- Event, ended <-chan struct{}, events iter.Seq2[Event, error]) error {
	defer close(ahead) // also when the iterator panics
	for ev, err := range events {
		if err != nil {
			return err
		}
		select {
		case ahead <- ev:
		case <-ended:
			return nil // the reason is the sender's error
		}
	}
	return nil
}
