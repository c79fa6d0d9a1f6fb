package redisstore

import (
	"log/slog"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/sharedstore"
)

// Config configures a [Store]. The zero value is a good start. All stores with
// the same prefix should have the same retention: if they differ, what is removed
// depends on which of them removes it.
type Config struct {
	// Retention bounds the history. Events over a bound are not found any more at
	// once; TotalBytes and OnceKeys are enforced every Maintain, and sooner when
	// they are exceeded by much.
	Retention history.Retention
	// Prefix is what the names of all keys begin with, in braces: it is their hash
	// tag. Stores with the same prefix, in the same database, share their events. It
	// must not contain a brace. Default: "tidings".
	Prefix string
	// Replicas is how many replicas must have an event, by WAIT, before it is
	// acknowledged. While there are fewer, Append returns an error that wraps
	// history.ErrUnavailable, or waits, although the event may be delivered: it is
	// unknown whether it survives a failover. Replicas have half the Timeout.
	// Default: none.
	Replicas int
	// Poll is how often the store compares what it delivered with what Redis has, to
	// notice losses, and how long an event is late at most if the connection that
	// waits for events is lost. Default: 2 s.
	Poll time.Duration
	// Maintain is how often the store removes what the retention does not keep. Of
	// all stores with the prefix, one at a time does. Default: 10 s.
	Maintain time.Duration
	// Timeout bounds each call of Redis. After that, Redis counts as away.
	// Default: 5 s.
	Timeout time.Duration
	// Buffer is how many bytes of events wait while Redis is away: Append then
	// blocks until it is back, or until its context ends. Above it, and by default
	// at once, Append returns an error that wraps history.ErrUnavailable.
	Buffer int
	// TailEvents and TailBytes are how many of the newest events stay in Redis even
	// if the retention does not keep them, so that nodes that were away for a moment
	// get them all: the smaller of both. They take memory beyond TotalBytes.
	// Default: 65,536 and 32 MiB.
	TailEvents, TailBytes int
	// Logger receives the store's log output: when Redis goes away and comes back.
	// Default: none.
	Logger *slog.Logger

	tombs int // how many channels without events are remembered one by one
}

// withDefaults returns the configuration with its defaults filled in.
func (c Config) withDefaults() Config {
	c.Retention = c.Retention.WithDefaults()
	if c.Prefix == "" {
		c.Prefix = "tidings"
	}
	c.Replicas, c.Buffer = max(c.Replicas, 0), max(c.Buffer, 0)
	c.Poll = sharedstore.OrDefault(c.Poll, 2*time.Second)
	c.Maintain = sharedstore.OrDefault(c.Maintain, 10*time.Second)
	c.Timeout = sharedstore.OrDefault(c.Timeout, 5*time.Second)
	c.TailEvents = sharedstore.OrDefault(c.TailEvents, 1<<16)
	c.TailBytes = sharedstore.OrDefault(c.TailBytes, 32<<20)
	c.tombs = sharedstore.OrDefault(c.tombs, maxTombs)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
