package core

import (
	"context"
	"errors"
	"iter"
	"slices"
)

// Delivery is an event with the channel that it came by.
type Delivery struct {
	Event

	// Channel is the channel's name.
	Channel string
	// To is who gets the event. A subscriber within the program gets all.
	To Audience
}

// deliveryOf decodes an entry.
func deliveryOf(e *Entry) Delivery {
	ev := decodeFrame(e.Frame())
	ev.Key = e.Key
	return Delivery{Event: ev, Channel: e.Channel, To: e.To}
}

// Subscribe returns an iterator over what is published to channels, for the
// program's own use: the same events, in the same order, as clients get. It
// subscribes when the iteration begins, and waits for what comes next.
//
// It ends with one last error, as the second value: the cause of ctx,
// [ErrSlow], [ErrHubClosed], or the error of the store or the subscription. A
// [*GapError] is not the last one: what follows Subscription.After, or what
// came next, is gone, and the iteration goes on from Subscription.Start; if its
// Reason is [GapSkipped], with what comes next. What is taken from the ring
// together, 256 events at most, is passed on without another look at it.
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

// yield passes on what there is for the subscriber. It reports whether there
// may be more, and whether the iteration goes on.
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
	// What the batch borrowed is not kept while the consumer is at work.
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

// History returns what is there for a subscription now, at most n events,
// without waiting for more. It returns a [*GapError] if what follows
// Subscription.After is gone. Nothing newer than After is not an error.
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
			// Nobody waits for the next event here: the store has it, and what
			// would have been skipped.
			s.skipThrough, s.history = nil, &Query{After: after}
			continue
		}
		if err != nil {
			return found, err
		}
		for _, e := range b.entries[:min(len(b.entries), n-len(found))] {
			found = append(found, deliveryOf(e))
		}
		// All that a start is about may have been overtaken: what follows has it.
		done := len(b.entries) == 0 && !starts
		b.release()
		if done {
			break
		}
	}
	return found, nil
}
