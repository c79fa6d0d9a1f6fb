package core

import (
	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/memstore"
)

// What stands between a hub and its store is in package history, for those who
// write a store; package storetest has the suite that every store passes.
type (
	// Store keeps the history of a hub's channels and gives its events their one
	// order. [MemoryStore] is the default.
	Store = history.Store
	// Sink takes what a store delivers. The hub implements it.
	Sink = history.Sink
	// Query selects entries of some channels, merged in their order.
	Query = history.Query
	// Page is the answer to a [Query].
	Page = history.Page
	// Record is a published event on its way into a store.
	Record = history.Record
	// Entry is an event in a store.
	Entry = history.Entry
	// Position is an event's place in the one order of a hub.
	Position = history.Position
	// GapError says that what follows a client's last event ID is not there any
	// more, or cannot be told.
	GapError = history.GapError
	// GapReason says why there is a gap.
	GapReason = history.GapReason
	// Retention says how much history a store keeps.
	Retention = history.Retention
	// ChannelRetention is how much history is kept of each channel whose name
	// matches a pattern.
	ChannelRetention = history.ChannelRetention
	// Audience says who, of the streams that are subscribed to an event's channel,
	// gets the event. The zero value is everybody. It never widens: a stream that
	// is not subscribed to the channel gets nothing, and a stream's filter is asked
	// all the same. Audiences can be compared with ==.
	Audience = history.Audience
	// MemoryStore keeps history in memory, for as long as the process lives.
	MemoryStore = memstore.Store
)

// The reasons for a gap.
const (
	// GapTrimmed means that the events were there, and are trimmed.
	GapTrimmed = history.GapTrimmed
	// GapRestarted means that the ID is from before a restart.
	GapRestarted = history.GapRestarted
	// GapUnknown means that the ID is not known.
	GapUnknown = history.GapUnknown
	// GapSkipped means that a subscriber was too slow for a channel whose policy
	// is [Skip] or [Conflate].
	GapSkipped = history.GapSkipped
)

// NewMemoryStore returns an empty store in a new epoch. It panics if a pattern
// of the retention is malformed.
func NewMemoryStore(retention Retention) *MemoryStore { return memstore.New(retention) }

// ParsePosition returns the position that id is the text of. It reports false
// for everything that Position.String would not have written.
func ParsePosition(id string) (Position, bool) { return history.ParsePosition(id) }

// ToGroup is the audience of the streams that are in a group. See [Stream.Join].
func ToGroup(name string) Audience { return history.ToGroup(name) }

// ToStream is the audience of one stream, by its ID. A client that reconnects
// has a new stream: what must reach it all the same is for its identity.
func ToStream(id string) Audience { return history.ToStream(id) }

// ToIdentity is the audience of the streams that belong to an identity. See
// [Stream.SetIdentity].
func ToIdentity(name string) Audience { return history.ToIdentity(name) }

// ParseAudience returns the audience that its String is the text of.
func ParseAudience(text string) (Audience, error) { return history.ParseAudience(text) }
