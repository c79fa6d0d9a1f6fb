package core

import (
	"context"
	"errors"
	"iter"
	"slices"
)

// Delivery is an event together with the channel that it was published to.
type Delivery struct {
	Event

	// Channel is the channel's name.
	Channel string
	// To is the event's audience. A subscriber inside the program gets events for
	// all audiences.
	To Audience
}

// deliveryOf decodes an entry into a Delivery.
func deliveryOf(e *Entry) Delivery {
	ev := decodeFrame(e.Frame())
	ev.Key = e.Key
	return Delivery{Event: ev, Channel: e.Channel, To: e.To}
}

// Subscribe returns an iterator over the events of the subscription's channels,
// for use inside the program: the same events in the same order as clients get.
// It subscribes when the iteration begins, and blocks until the next event.
//
// The iteration ends with one last error, as the second value: the cause of
// ctx, [ErrSlow], [ErrHubClosed], or an error of the store or the subscription.
// A [*GapError] does not end it. It says that events after Subscription.After,
// or events that came next, are gone; the iteration goes on from
// Subscription.Start or, if its Reason is [GapSkipped], with the next events.
// The iterator takes up to 256 events from the ring at once, and yields these
// without looking at the ring again.
func (h *Hub) Subscribe(ctx context.Context, sub Subscription) iter.Seq2[Delivery, error] {
	sub = sub.owned()
	return func(yield func(Delivery, error) bool) {
		s, gap, err := h.subscribe(ctx, nil, sub)
		if err != nil {
			yield(Delivery{}, err)
			return
		}
		defer s.close()
		s.listen()
		if gap != nil && !yield(Delivery{}, gap) {
			return
		}
		for {
			more, ok := s.yield(ctx, yield)
			if !ok {
				return
			}
			if more {
				continue
			}
			select {
			case <-s.wake:
			case <-ctx.Done():
				yield(Delivery{}, context.Cause(ctx))
				return
			case <-h.closed:
				yield(Delivery{}, ErrHubClosed)
				return
			}
		}
	}
}

// yield yields the events that are available to the subscriber. It reports
// whether there may be more, and whether the iteration goes on.
func (s *subscriber) yield(ctx context.Context, yield func(Delivery, error) bool) (more, ok bool) {
	b, err := s.next(ctx)
	if gap := gapOf(err); gap != nil {
		s.goOn(gap)
		return true, yield(Delivery{}, gap)
	}
	if err != nil {
		yield(Delivery{}, err)
		return false, false
	}
	// Release the batch's memory before the consumer runs.
	entries := slices.Clone(b.entries)
	b.release()
	for _, e := range entries {
		if ctx.Err() != nil {
			yield(Delivery{}, context.Cause(ctx))
			return false, false
		}
		if !yield(deliveryOf(e), nil) {
			return false, false
		}
	}
	return len(entries) > 0, true
}

// History returns the events that are available to a subscription now, at most
// n, without waiting for more. It returns a [*GapError] if events after
// Subscription.After are gone. If nothing is newer than After, it returns no
// error.
func (h *Hub) History(ctx context.Context, sub Subscription, n int) ([]Delivery, error) {
	s, gap, err := h.subscribe(ctx, nil, sub)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if gap != nil {
		return nil, gap
	}
	var found []Delivery
	for len(found) < n {
		after := h.position(s.cursor.Load())
		starts := s.history != nil && !s.history.Follows()
		b, err := s.next(ctx)
		if gap := gapOf(err); errors.Is(err, ErrSlow) || gap != nil && gap.Reason == GapSkipped {
			// There is no live subscriber here: read on from the store, which also has
			// the events that would have been skipped.
			s.skipThrough, s.history = nil, &Query{After: after}
			continue
		}
		if err != nil {
			return found, err
		}
		for _, e := range b.entries[:min(len(b.entries), n-len(found))] {
			found = append(found, deliveryOf(e))
		}
		// A first page may be empty because newer events replaced all of its own:
		// these follow.
		done := len(b.entries) == 0 && !starts
		b.release()
		if done {
			break
		}
	}
	return found, nil
}
