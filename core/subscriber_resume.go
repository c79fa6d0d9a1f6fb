package core

import (
	"context"
	"errors"
	"fmt"
)

// restart moves the cursor to the Start of the subscription.
func (s *subscriber) restart() {
	s.history, s.skipThrough = nil, nil
	s.cursor.Store(s.hub.head.Load())
	switch s.start.from {
	case fromNow:
	case fromOldest:
		s.history = &Query{Oldest: true}
	case fromTail:
		s.history = &Query{Tail: s.start.n}
	case fromSnapshot:
		s.history = &Query{Snapshot: true}
	}
}

// gapOf returns the GapError in an error's chain, or nil. It does not allocate
// if err is nil.
func gapOf(err error) *GapError {
	if err == nil {
		return nil
	}
	var gap *GapError
	if !errors.As(err, &gap) {
		return nil
	}
	return gap
}

// goOn moves the cursor past a gap.
func (s *subscriber) goOn(gap *GapError) {
	if gap.Reason != GapSkipped { // fellOut has moved it for a skip
		s.restart()
	}
}

// resume moves the cursor to the ID in sub.After. It returns a GapError if the
// entries after the ID cannot be determined.
func (s *subscriber) resume(ctx context.Context, sub Subscription) error {
	id := sub.After
	at, position := ParsePosition(id)
	if !position || at.Epoch != s.hub.epoch.Load() {
		// The app's own ID, or a position from before a restart.
		found, err := s.resolve(ctx, id, position)
		if err != nil {
			return err
		}
		at = found
	}
	s.skipThrough = s.begins(sub) // the client has these channels from there on
	if last := s.skipThrough.last(); last > at.Seq {
		s.unreportedThrough = last
	}
	s.moveTo(at.Seq)
	if s.ringsHold() {
		return nil
	}
	s.history = &Query{After: at}
	// Look ahead: whether there is a gap must be known before the head of the
	// response is sent.
	err := permit(ctx, s.hub.lookups, func() error {
		q, _ := s.query()
		q.MaxEvents = 1
		_, err := s.hub.read(ctx, q)
		return err
	})
	if gapOf(err) != nil {
		return err
	}
	return storeError(err)
}

// resolve returns the position of an ID. It returns a GapError if the ID is not
// known.
func (s *subscriber) resolve(ctx context.Context, id string, position bool) (at Position, err error) {
	err = permit(ctx, s.hub.lookups, func() error {
		at, err = timed(s.hub, "resolve", func() (Position, error) { return s.hub.store.Resolve(ctx, s.names(), id) })
		return err
	})
	switch {
	case errors.Is(err, ErrUnknownID) && position:
		return at, s.hub.gap(ctx, s.names(), GapRestarted)
	case errors.Is(err, ErrUnknownID):
		return at, s.hub.gap(ctx, s.names(), GapUnknown)
	}
	return at, storeError(err)
}

// permit calls a function that asks the store for a subscriber. As many as the
// channel has room for run at the same time, so that clients that come back
// together do not overload the store.
func permit(ctx context.Context, permits chan struct{}, ask func() error) error {
	select {
	case permits <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-permits }()
	return ask()
}

// storeError returns an error of the store, so that it can be told from others.
func storeError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrStore, err)
}

// gap returns a GapError with the bounds of the channels' history.
func (h *Hub) gap(ctx context.Context, names []string, reason GapReason) error {
	oldest, newest, err := h.store.Bounds(ctx, names)
	if err != nil {
		return storeError(err)
	}
	return &GapError{Reason: reason, Oldest: oldest, Newest: newest}
}

// ringsHold reports whether the rings hold all entries after the cursor.
func (s *subscriber) ringsHold() bool {
	if s.cursor.Load() > s.hub.head.Load() {
		return false
	}
	for _, c := range s.channels {
		if !c.has(s.from(c)) {
			return false
		}
	}
	return true
}
