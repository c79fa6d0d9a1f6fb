package pgstore

import (
	"log/slog"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/sharedstore"
)

// Config configures a [Store]. The zero value is a good start. All stores on the
// same schema should have the same retention: if they differ, what is removed
// depends on which of them removes it.
type Config struct {
	// Retention bounds the history. Events over a bound are not found any more at
	// once; TotalBytes and OnceKeys are enforced every Maintain.
	Retention history.Retention
	// Schema is the name of the database schema that holds the history. Stores on
	// the same schema share their events. Default: "tidings".
	Schema string
	// NoMigrate keeps Open from creating or upgrading the schema, which needs more
	// rights than the store does. See [Migrate].
	NoMigrate bool
	// PollOnly does without LISTEN, which does not work through a PgBouncer in
	// transaction mode: events of other nodes are then found by polling. It also
	// does without prepared statements.
	PollOnly bool
	// Poll is how often the store looks for events of other nodes. With LISTEN, it
	// only bounds how long an event is late if a notification is lost.
	// Default: 2 s; with PollOnly, 50 ms.
	Poll time.Duration
	// Sequence is how often the store looks for events that were published in
	// transactions of the app; see [Store.PublishTx]. Of all stores on the schema,
	// one does. Default: 20 ms. Negative: never, if no node uses PublishTx.
	Sequence time.Duration
	// Maintain is how often the store removes what the retention does not keep. Of
	// all stores on the schema, one at a time does. Default: 10 s.
	Maintain time.Duration
	// Timeout bounds each call of the database. After that, the database counts as
	// away. Default: 10 s.
	Timeout time.Duration
	// Buffer is how many bytes of events wait while the database is away: Append
	// then blocks until it is back, or until its context ends. Above it, and by
	// default at once, Append returns an error that wraps history.ErrUnavailable.
	Buffer int
	// MaxConns bounds the connections of the store, besides the one that listens.
	// Default, and the least: 4.
	MaxConns int
	// PartitionEvents is how many positions each partition of the table of events
	// has. It takes effect when the schema is created. Default: 262,144.
	PartitionEvents int
	// Logger receives the store's log output: when the database goes away and comes
	// back. Default: none.
	Logger *slog.Logger
}

// minConns are for appending, numbering the outbox, following, and the rest.
const minConns = 4

// withDefaults returns the configuration with its defaults filled in.
func (c Config) withDefaults() Config {
	c.Retention = c.Retention.WithDefaults()
	if c.Schema == "" {
		c.Schema = "tidings"
	}
	poll := 2 * time.Second
	if c.PollOnly {
		poll = 50 * time.Millisecond
	}
	c.Poll = sharedstore.OrDefault(c.Poll, poll)
	if c.Sequence == 0 {
		c.Sequence = 20 * time.Millisecond
	}
	c.Maintain = sharedstore.OrDefault(c.Maintain, 10*time.Second)
	c.Timeout = sharedstore.OrDefault(c.Timeout, 10*time.Second)
	c.MaxConns = max(c.MaxConns, minConns)
	c.PartitionEvents = sharedstore.OrDefault(c.PartitionEvents, 1<<18)
	c.Buffer = max(c.Buffer, 0)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
