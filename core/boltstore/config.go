package boltstore

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// Sync is when the store syncs the history to the disk.
type Sync uint8

const (
	// SyncAlways syncs events to the disk before Append returns, and before any
	// subscriber gets them.
	SyncAlways Sync = iota
	// SyncInterval hands events to the operating system before Append returns,
	// and syncs them to the disk at every Interval: see [Config].
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
	// Retention is how much is kept. Sizes are approximate sizes in the file,
	// those of the indexes included. A smaller Retention than the last one applies
	// from the opening on.
	Retention history.Retention
	// Sync is when the history is synced to the disk. Default: SyncAlways.
	Sync Sync
	// Interval is the time after which events are synced with SyncInterval.
	// Default: 100 ms. Negative: no bound; they are synced when they take 4 MiB,
	// before a read of events that are not in the ring of the hub, and by Close.
	Interval time.Duration
	// LockWait is how long Open waits for a file that is in use, for example
	// until the previous process has ended. Default: 1 s. Negative: it does not
	// wait.
	LockWait time.Duration
	// Verify makes Open read the whole file and check every page and every
	// event, which takes a while for a large file. Open then returns an error
	// that wraps [ErrDamaged] for any inconsistency. Otherwise, damage is found
	// when it is read. Default: false.
	Verify bool
	// Logger receives the store's log output. Default: nothing is logged.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	c.Retention = c.Retention.WithDefaults()
	if c.Sync > SyncInterval {
		panic(fmt.Sprintf("tidings: boltstore: no such Sync: %d", c.Sync))
	}
	c.Interval = max(cmp.Or(c.Interval, 100*time.Millisecond), 0)
	c.LockWait = max(cmp.Or(c.LockWait, time.Second), 1) // bbolt waits without end for 0
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
