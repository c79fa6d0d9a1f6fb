package sharedstore

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/tidings-go/tidings/core/history"
)

// Health tells whether a storage can be reached at the moment. It is safe for
// concurrent use.
type Health struct {
	// Storage names the storage in the log.
	Storage string
	// Logger is told when the storage goes away and comes back.
	Logger *slog.Logger
	// Back is called when the storage is back.
	Back func()

	away atomic.Pointer[error] // why it cannot be reached, or nil
}

// Gone records that the storage is away, or back if err is nil. It returns the
// error for callers. Nothing is logged once life has ended.
func (h *Health) Gone(life context.Context, err error) error {
	if err == nil {
		if h.away.Swap(nil) != nil {
			h.Logger.LogAttrs(life, slog.LevelInfo, "the "+h.Storage+" is back")
			h.Back()
		}
		return nil
	}
	err = fmt.Errorf("%w: %w", history.ErrUnavailable, err)
	if h.away.Swap(&err) == nil && life.Err() == nil {
		h.Logger.LogAttrs(life, slog.LevelWarn, "the "+h.Storage+" is away", slog.Any("error", err))
	}
	return err
}

// Err returns nil, or why the storage cannot be reached. The error wraps
// [history.ErrUnavailable].
func (h *Health) Err() error {
	if err := h.away.Load(); err != nil {
		return *err
	}
	return nil
}
