package core

import (
	"context"
	"errors"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// Health reports what keeps the hub from its work, for probes: nil, or an error
// that wraps [ErrHubClosed], [ErrDraining], or [ErrUnavailable] if the store has
// lost its storage for the moment. Streams stay open then, and get what they
// missed later. Whether a probe should fail for that depends on who asks: other
// machines lack the same storage. Health does not block.
func (h *Hub) Health() error {
	switch {
	case h.isClosed():
		return ErrHubClosed
	case !h.Ready():
		return ErrDraining
	}
	if p, ok := h.store.(history.Prober); ok {
		return storeError(p.Health())
	}
	return nil
}

// unavailablePause is how long a subscriber waits for a store that is not
// available, before it asks again.
const unavailablePause = time.Second

// ask is permit for a subscriber that has begun: it stays, and asks again, while
// the store is not available.
func (h *Hub) ask(ctx context.Context, permits chan struct{}, ask func() error) error {
	for {
		err := permit(ctx, permits, ask)
		if !errors.Is(err, ErrUnavailable) {
			return err
		}
		timer := time.NewTimer(unavailablePause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-h.closed:
			timer.Stop()
			return ErrHubClosed
		}
	}
}
