package natsstore

import (
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/sharedstore"
)

// Config configures a [Store]. The zero value is a good start. All stores on the
// same stream should have the same retention: each of them answers by its own, and
// what is removed from the stream depends on which of them removes it.
type Config struct {
	// Retention bounds the history. Events over a bound are not found any more at
	// once, and removed from the stream every Maintain.
	Retention history.Retention
	// Stream is the name of the JetStream stream that holds the events. Another one,
	// with "_STATE" after the name, holds what is known of channels. Stores on the
	// same stream share their events. Default: "TIDINGS".
	Stream string
	// Prefix is how the subjects of both streams begin. Nothing else may publish on
	// them. Default: "tidings".
	Prefix string
	// Replicas is how many servers of a cluster keep the streams, when Open creates
	// them. Default: 1.
	Replicas int
	// Storage is where the servers keep the streams, when Open creates them: in
	// files, or in memory. Default: nats.FileStorage.
	Storage nats.StorageType
	// NoCreate keeps Open from creating the streams, which needs more rights than
	// the store does. See [Create].
	NoCreate bool
	// Domain is the JetStream domain of the streams. Default: none.
	Domain string
	// Options are options of the connection that Open makes, such as credentials.
	// Options of the store come after them: it reconnects forever.
	Options []nats.Option
	// CacheBytes bounds the events in memory, the newest of all channels; others are
	// read from the stream. About 250 bytes of each event that is kept are in memory
	// besides. Default: 64 MiB. Negative: none.
	CacheBytes int
	// Poll is how often the store looks whether the stream is still the one that it
	// knows. Default: 2 s.
	Poll time.Duration
	// Maintain is how often the store removes what the retention does not keep. Of
	// all stores on the stream, one at a time does. Default: 10 s.
	Maintain time.Duration
	// Timeout bounds each call of the server. After that, the server counts as away.
	// Default: 10 s.
	Timeout time.Duration
	// Buffer is how many bytes of events wait while the server is away: Append then
	// blocks until it is back, or until its context ends. Above it, and by default
	// at once, Append returns an error that wraps history.ErrUnavailable.
	Buffer int
	// Logger receives the store's log output: when the server goes away and comes
	// back. Default: none.
	Logger *slog.Logger
}

// withDefaults returns the configuration with its defaults filled in.
func (c Config) withDefaults() Config {
	c.Retention = c.Retention.WithDefaults()
	if c.Stream == "" {
		c.Stream = "TIDINGS"
	}
	if c.Prefix == "" {
		c.Prefix = "tidings"
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = 64 << 20
	}
	c.Replicas = sharedstore.OrDefault(c.Replicas, 1)
	c.CacheBytes = max(c.CacheBytes, 0)
	c.Poll = sharedstore.OrDefault(c.Poll, 2*time.Second)
	c.Maintain = sharedstore.OrDefault(c.Maintain, 10*time.Second)
	c.Timeout = sharedstore.OrDefault(c.Timeout, 10*time.Second)
	c.Buffer = max(c.Buffer, 0)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
