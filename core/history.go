package core

import (
	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/memstore"
)

// Aliases of the types of package history, which is the contract between a hub
// and its store. Package storetest has the suite that every store passes.
type (
	// Store keeps the history of a hub's channels and puts its events into one
	// order. [MemoryStore] is the default.
	Store = history.Store
	// Sink receives the entries that a store delivers. The hub implements it.
	Sink = history.Sink
	// Query selects entries of some channels, merged in their order.
	Query = history.Query
	// Page is the answer to a [Query].
	Page = history.Page
	// Record is a published event on its way into a store.
	Record = history.Record
	// Entry is an event in a store.
	Entry = history.Entry
	// Position is the place of an event in the one order of a hub.
	Position = history.Position
	// GapError says that events after a client's last event ID are gone, or that
	// it cannot be determined which events follow it.
	GapError = history.GapError
	// GapReason says why there is a gap.
	GapReason = history.GapReason
	// Retention says how much history a store keeps.
	Retention = history.Retention
	// ChannelRetention says how much history is kept of each channel whose name
	// matches a pattern.
	ChannelRetention = history.ChannelRetention
	// Audience selects which of the streams that are subscribed to an event's
	// channel get the event. The zero value selects all of them. An audience never
	// widens: a stream that is not subscribed to the channel gets nothing, and a
	// stream's filter applies as well. Audiences can be compared with ==.
	Audience = history.Audience
	// MemoryStore keeps history in memory, for the lifetime of the process.
	MemoryStore = memstore.Store
)

// The reasons for a gap.
const (
	// GapTrimmed means that the events were kept once, and have been trimmed.
	GapTrimmed = history.GapTrimmed
	// GapRestarted means that the ID comes from before a restart.
	GapRestarted = history.GapRestarted
	// GapUnknown means that the store does not know the ID.
	GapUnknown = history.GapUnknown
	// GapSkipped means that a subscriber was too slow for a channel whose policy
	// is [Skip] or [Conflate].
	GapSkipped = history.GapSkipped
)

// NewMemoryStore returns an empty store in a new epoch. It panics if a pattern
// of the retention is malformed.
func NewMemoryStore(retention Retention) *MemoryStore { return memstore.New(retention) }

// ParsePosition returns the position whose text is id. It reports false for any
// text that Position.String does not produce.
func ParsePosition(id string) (Position, bool) { return history.ParsePosition(id) }

// ToGroup returns the audience of the streams in a group. See [Stream.Join].
func ToGroup(name string) Audience { return history.ToGroup(name) }

// ToStream returns the audience of one stream, by its ID. A client that
// reconnects has a new stream: for events that must reach it all the same, use
// ToIdentity.
func ToStream(id string) Audience { return history.ToStream(id) }

// ToIdentity returns the audience of the streams of an identity. See
// [Stream.SetIdentity].
func ToIdentity(name string) Audience { return history.ToIdentity(name) }

// ParseAudience returns the audience whose String is text.
func ParseAudience(text string) (Audience, error) { return history.ParseAudience(text) }
