package boltstore

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// Sync says when the history is brought to the disk.
type Sync uint8

const (
	// SyncAlways brings events to the disk before Append returns, and before
	// anybody gets them.
	SyncAlways Sync = iota
	// SyncInterval hands events to the operating system before Append returns,
	// and brings them to the disk at every Interval.
	SyncInterval
)

// String returns the name of the constant.
func (s Sync) String() string {
	if s == SyncInterval {
		return "SyncInterval"
	}
	return "SyncAlways"
}

// Config configures a [Store]. The zero value is ready to use.
type Config struct {
	// Retention says how much is kept. Sizes are of what events take in the
	// file, about. One that keeps less than the last one did applies from the
	// opening on.
	Retention history.Retention
	// Sync says when the history is brought to the disk. Default: SyncAlways.
	Sync Sync
	// Interval is how often that is done with SyncInterval. Default: 100 ms.
	Interval time.Duration
	// LockWait is how long Open waits for a file that is in use: for the process
	// before this one to end, say. Default: 1 s.
	LockWait time.Duration
	// Verify has Open read the whole file and check every page and every event,
	// which takes a while for a large one; an error that wraps [ErrDamaged] is the
	// answer to all that cannot be. Otherwise, damage is found when it is read.
	// Default: false.
	Verify bool
	// Logger takes what the store has to say. Default: nothing is logged.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	c.Retention = c.Retention.WithDefaults()
	if c.Sync > SyncInterval {
		panic(fmt.Sprintf("tidings: boltstore: no such Sync: %d", c.Sync))
	}
	if c.Interval <= 0 {
		c.Interval = 100 * time.Millisecond
	}
	if c.LockWait <= 0 {
		c.LockWait = time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
