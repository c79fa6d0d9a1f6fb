package cluster

import (
	"cmp"
	"log/slog"
	"os"
	"time"
)

// Config configures a [Node]. The zero value is a good start.
type Config struct {
	// Name is the node's name, for people. Default: the name of the machine.
	Name string
	// Interval is how often the node tells the others what has changed.
	// Default: 2 s.
	Interval time.Duration
	// Timeout is after how long without a word another node counts as gone, and how
	// long questions wait for answers. Default, and the least: three times the
	// Interval.
	Timeout time.Duration
	// Logger receives what the node cannot tell the others. Default: none.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name, _ = os.Hostname()
	}
	if c.Interval <= 0 {
		c.Interval = 2 * time.Second
	}
	c.Timeout = max(c.Timeout, 3*c.Interval)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}
