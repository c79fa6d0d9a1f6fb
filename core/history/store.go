package history

import "context"

// Store keeps the history of a hub's channels and gives its events their one
// order. Package memstore has the default; other stores keep it on disk, or share
// it between machines. Package storetest holds the suite that every store
// passes.
//
// An implementation must be safe for concurrent use, and must meet the
// obligations stated at each method. Texts that it is called with, apart from
// those in records, are the caller's again when the call is over: it copies what
// it keeps of them, or hands out. It may be asynchronous: what Append
// stores may reach the [Sink] before or after Append returns, and what others
// append to the same storage reaches the Sink, too.
type Store interface {
	// Attach connects the one who takes delivery, and returns the position of
	// the newest entry at that moment. From then on the store hands every
	// entry after it to the sink: each once, in the order of the positions,
	// without a gap, whoever appended it, until Close. Attach is called before
	// any other method, by each hub once. It does not block for long; a store
	// that must connect first does so in its constructor.
	Attach(sink Sink) (Position, error)
	// Append gives the records consecutive positions, in their order, stores
	// them all or none, and returns the entries. It must not keep the slice,
	// and may keep the records' contents, which nobody changes any more. When
	// it returns without an error, the store's durability promise holds for
	// them. It stops waiting when ctx ends; whether the records were stored is
	// then unknown.
	//
	// A record with a Once comes alone. If one with the same Once was appended
	// to the same channel within [Retention.OnceWindow], Append stores nothing,
	// and returns an entry with the position, the time and the ID of that one,
	// whether it is still kept or not. This holds for as long as the storage
	// itself does, and for all who append to it.
	//
	// Where times outlive the clock that they were taken by, as in a file, the
	// clock may have been set back since: what is in the future counts as
	// appended when the store notices, at the latest, so that a key is not
	// remembered, and an entry not kept, for as long as the clock was ahead.
	Append(ctx context.Context, records []Record) ([]*Entry, error)
	// Read returns entries of the queried channels. See [Query] and [Page]. It
	// returns a [*GapError] if entries that the query asks for are gone, and
	// must not hold a lock that Append needs after it has returned.
	Read(ctx context.Context, q Query) (Page, error)
	// Resolve returns the position of the entry, on one of the channels, that
	// was published with this ID of the app's own; of several, the newest on
	// its channel and then the oldest among the channels, so that a client
	// rather sees an event twice than never. It returns [ErrUnknownID] if no
	// such entry is kept. A store whose storage outlives its epochs takes the
	// text of a position of an earlier one, too, and returns that position, if
	// what it stands for is not lost.
	Resolve(ctx context.Context, channels []string, id string) (Position, error)
	// Bounds returns the positions of the oldest and the newest entry kept on
	// the channels. Where they hold none, both are the newest position of all.
	Bounds(ctx context.Context, channels []string) (oldest, newest Position, err error)
	// Forget drops what is kept of a channel, as if all of it had been trimmed:
	// a client that comes back to it finds a gap, one that was up to date does
	// not. Its Once keys are dropped, too. It is no error if nothing is kept.
	// Nothing needs to be remembered of a channel that [IsPrivate], and must not
	// where it makes others forget: a hub forgets one for each stream that had it.
	Forget(ctx context.Context, channel string) error
	// Close ends delivery and releases what the store holds. It is idempotent.
	// Other methods return an error afterwards.
	Close() error
}

// Sink takes what a store delivers. The hub implements it. Its methods return
// quickly, never call back into the store, and must not be called
// concurrently with each other.
type Sink interface {
	// Deliver takes new entries, in the order of their positions. The sink
	// does not keep the slice.
	Deliver(entries []*Entry)
	// Trimmed says that the store no longer keeps the channel's entries up to
	// and including seq. A store that cannot tell need not call it.
	Trimmed(channel string, seq uint64)
}
