package history

import "context"

// Store keeps the history of a hub's channels and puts its events into one
// order. Package memstore has the default; other stores keep history on disk,
// or share it between machines. Package storetest has the suite that every
// store passes.
//
// An implementation must be safe for concurrent use, and must meet the
// obligations of each method. Strings in arguments, other than those in
// records, belong to the caller when the call returns: the store copies those
// that it keeps or returns. A store may be asynchronous: entries that Append
// stores may reach the [Sink] before or after Append returns. Entries that
// other processes append to the same storage reach the Sink, too.
type Store interface {
	// Attach connects a sink, and returns the position of the newest entry at that
	// moment. From then on, until Close, the store delivers every later entry to
	// the sink: each once, in the order of the positions, without a gap, whatever
	// process appended it. Each hub calls Attach once, before any other method.
	// Attach does not block for long; a store that must connect first does so in
	// its constructor.
	Attach(sink Sink) (Position, error)
	// Append gives the records consecutive positions, in their order, stores all
	// of them or none, and returns the entries. It must not keep the slice. It may
	// keep the contents of the records, which do not change any more. When it
	// returns without an error, the records are as durable as the store promises.
	// It stops waiting when ctx ends; it is then unknown whether the records were
	// stored.
	//
	// A record with a Once comes alone. If a record with the same Once was
	// appended to the same channel within [Retention.OnceWindow], Append stores
	// nothing, and returns an entry with the position, the time and the ID of that
	// record, even if it is no longer kept. This holds for the lifetime of the
	// storage, and for all processes that append to it.
	//
	// If times outlive the clock that they were taken from, as in a file, the
	// clock may have been set back since. The store treats times in the future as
	// the time at which it notices them, at the latest. It thus does not remember
	// a key, or keep an entry, for longer by as much as the clock was ahead.
	Append(ctx context.Context, records []Record) ([]*Entry, error)
	// Read returns entries of the queried channels. See [Query] and [Page]. It
	// returns a [*GapError] if entries that the query selects are gone. After it
	// has returned, it must not hold a lock that Append needs.
	Read(ctx context.Context, q Query) (Page, error)
	// Resolve returns the position of the entry on one of the channels that was
	// published with this ID of the app's own. If there are several, it takes the
	// newest one of each channel and of these the oldest, so that a client sees an
	// event twice rather than never. It returns [ErrUnknownID] if no such entry is
	// kept. A store whose storage outlives its epochs also accepts the text of a
	// position of any epoch, and returns that position if the entries that it stands
	// for are not lost.
	Resolve(ctx context.Context, channels []string, id string) (Position, error)
	// Bounds returns the positions of the oldest and the newest entry that are
	// kept on the channels. If the channels have no entries, both are the newest
	// position of the whole store.
	Bounds(ctx context.Context, channels []string) (oldest, newest Position, err error)
	// Forget drops the history of a channel, as if all of it had been trimmed: a
	// client that comes back finds a gap, unless it was up to date. Forget drops
	// the channel's Once keys, too. It is no error if nothing is kept. For a
	// channel that [IsPrivate], the store need not remember anything, and must not
	// if it would forget other channels for it: a hub forgets one private channel
	// for each stream that had one.
	Forget(ctx context.Context, channel string) error
	// Close ends delivery and releases the store's resources. It is idempotent.
	// Other methods return an error afterwards.
	Close() error
}

// Sink receives the entries that a store delivers. The hub implements it. Its
// methods return quickly and never call the store. The store must not call them
// concurrently with each other.
type Sink interface {
	// Deliver receives new entries, in the order of their positions. The sink does
	// not keep the slice.
	Deliver(entries []*Entry)
	// Trimmed says that the store no longer keeps the channel's entries up to and
	// including seq. A store that does not know need not call it.
	Trimmed(channel string, seq uint64)
}

// EpochSink is a [Sink] that is told when its store goes on in another epoch. A
// store whose storage can lose events, or be replaced, while the store is open
// calls it. The hub implements it.
type EpochSink interface {
	Sink
	// Restarted says that the next entry that is delivered follows at, the newest
	// position of another epoch. Its sequence number is not smaller than that of
	// any entry delivered before. If lost is true, entries that were delivered are
	// not in the storage any more, or the store cannot tell: subscribers are told
	// that there is a gap. Otherwise, nothing is missing. Before the call, no answer
	// of the store is about the other epoch, except for that of Append.
	Restarted(at Position, lost bool)
}

// Prober is a [Store] that knows whether its storage can be reached.
type Prober interface {
	// Health returns nil, or an error that wraps [ErrUnavailable]. It does not
	// block.
	Health() error
}
