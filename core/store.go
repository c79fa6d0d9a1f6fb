package core

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Store keeps the history of a hub's channels and gives its events their one
// order. [MemoryStore] is the default; other stores keep it on disk, or share
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

// IsPrivate reports whether a channel's name has the form of those that
// [Stream.PrivateChannel] makes. It is for authors of stores: such a channel
// never comes back once it is forgotten, so that a store has no client to tell of
// a gap there.
func IsPrivate(name string) bool { return isPrivate(name) }

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

// Query selects entries of some channels, merged in the order of their
// positions. At most one of Oldest, Tail and Snapshot is set; without them,
// the query is for what follows After.
type Query struct {
	// Channels are the channels' names, each once, at least one.
	Channels []string
	// After is the position that the entries must follow, of this epoch or of an
	// earlier one that the store knows; the zero position for Oldest, Tail and the
	// first page of a Snapshot.
	After Position
	// Oldest asks for all that is kept, from the oldest on.
	Oldest bool
	// Tail, if positive, asks for the newest Tail entries.
	Tail int
	// Snapshot asks for the newest entry of each key of each channel, for each
	// audience by itself, entries without a key left out.
	Snapshot bool
	// Gone, if it is not empty, excuses what was missing when a subscriber
	// began with Oldest or Tail and could not be given all in one page: for
	// each of Channels, entries up to and including this sequence number make
	// no gap. It is the Gone of that first page.
	Gone []uint64
	// MaxEvents and MaxBytes bound the page. One entry is returned even if it
	// is larger than MaxBytes. What did not fit is asked for with
	// After = Page.Through. Zero means no bound.
	MaxEvents, MaxBytes int
}

// follows reports whether the query is for what follows After.
func (q Query) follows() bool { return !q.Oldest && q.Tail <= 0 && !q.Snapshot }

// bounds returns MaxEvents and MaxBytes, or what bounds nothing.
func (q Query) bounds() (events, bytes int) {
	events, bytes = q.MaxEvents, q.MaxBytes
	if events <= 0 {
		events = math.MaxInt
	}
	if bytes <= 0 {
		bytes = math.MaxInt
	}
	return events, bytes
}

// Page is the answer to a [Query].
type Page struct {
	// Entries are the selected entries, oldest first. The receiver may read
	// them, and must not change them.
	Entries []*Entry
	// Through is where to go on: no entry that belongs to the query's answer
	// lies at or before it and is missing from Entries. It is the position of
	// the last entry if the page is full, and otherwise the newest position of
	// the whole store.
	Through Position
	// Gone is, for a query with Oldest or Tail, the sequence number of the
	// newest entry of each of the query's Channels that is not kept any more; 0
	// where there is none.
	Gone []uint64
}

// Record is a published event on its way into a store.
type Record struct {
	// Channel is the channel's name.
	Channel string
	// ID is the app's own ID for the event, or empty: then the position's text
	// is its ID.
	ID string
	// Key is the event's key, or empty.
	Key string
	// To is who gets the event.
	To Audience
	// Once is the key that the event is published at most once with, or empty.
	// It is of no use beyond Append.
	Once string
	// Following is how many of the next records were published together with
	// this one, and are delivered together with it.
	Following int
	// Body is the encoded event without its id line and final blank line.
	Body []byte
}

// At returns the entry that the record becomes at a position. A store calls it
// once for each record: the entry may take over the spare capacity of Body.
func (r Record) At(p Position, at time.Time) *Entry {
	e := new(Entry)
	r.fill(e, p, at)
	return e
}

// fill makes e what At returns.
func (r Record) fill(e *Entry, p Position, at time.Time) {
	*e = Entry{
		Position: p, Time: at, Channel: r.Channel, Key: r.Key, To: r.To,
		chosen: r.ID, body: int32(len(r.Body)), following: int32(r.Following), //nolint:gosec // The hub's limits are far below.
	}
	if r.ID != "" {
		e.frame = appendTrailer(r.Body, r.ID)
		return
	}
	e.frame = append(p.append(append(r.Body, "id: "...)), "\n\n"...)
}

// trailerRoom is the room that an id line with a position and the blank line
// after it need at most.
const trailerRoom = len("id: ") + 13 + 1 + 20 + len("\n\n")

// Entry is an event in a store. It does not change any more, and all who hold
// it share it.
type Entry struct {
	// Position is the event's place in the hub's order.
	Position Position
	// Time is when the event was appended.
	Time time.Time
	// Channel is the name of the channel that it was published to.
	Channel string
	// Key is the event's key, or empty.
	Key string
	// To is who gets the event.
	To Audience

	chosen    string // the app's own ID, or empty
	frame     []byte // the whole event, encoded
	body      int32  // how much of frame is the record's body
	following int32  // how many of the next positions belong to the same batch
}

// ID returns the ID that the event has on the wire.
func (e *Entry) ID() string {
	if e.chosen != "" {
		return e.chosen
	}
	return e.Position.String()
}

// Record returns the record that the entry was made of, without its Once. The
// receiver must not change its Body.
func (e *Entry) Record() Record {
	return Record{
		Channel: e.Channel, ID: e.chosen, Key: e.Key, To: e.To, Following: int(e.following),
		Body: e.frame[:e.body:e.body],
	}
}

// Frame returns the event as it stands on the wire. The receiver must not
// change it.
func (e *Entry) Frame() []byte { return e.frame }

// Event decodes the entry's frame and returns the event, with its key and with
// the ID that it has on the wire.
func (e *Entry) Event() Event {
	ev := decodeFrame(e.frame)
	ev.Key = e.Key
	return ev
}

// Seq returns the sequence number of the entry's position.
func (e *Entry) Seq() uint64 { return e.Position.Seq }

// Until returns the sequence number of the last entry that was published
// together with this one.
func (e *Entry) Until() uint64 { return e.Position.Seq + uint64(e.following) } //nolint:gosec // It is not negative.

// entryOverhead is about what an entry costs beside the texts it holds.
const entryOverhead = 176

// room is what the Size of the entry is at most.
func (r Record) room() int {
	return entryOverhead + len(r.Body) + max(trailerRoom, len("id: \n\n")+len(r.ID)) + len(r.Key) + len(r.To.text)
}

// Size returns about what the entry costs in memory, in bytes.
func (e *Entry) Size() int {
	return entryOverhead + len(e.frame) + len(e.Key) + len(e.To.text)
}

// GapError says that what follows a client's last event ID is not there any
// more, or cannot be told.
type GapError struct {
	// Reason is one of the Gap constants.
	Reason GapReason
	// Channel is the channel that it is about, for [GapSkipped]; otherwise it is
	// about all channels of the subscription.
	Channel string
	// Oldest and Newest are the bounds of what is kept; for [GapSkipped], what
	// follows Oldest, up to Newest, is what was left out.
	Oldest, Newest Position
}

// GapReason says why there is a gap.
type GapReason string

// The reasons for a gap.
const (
	// GapTrimmed means that the events were there, and are trimmed.
	GapTrimmed GapReason = "trimmed"
	// GapRestarted means that the ID is from before a restart.
	GapRestarted GapReason = "restarted"
	// GapUnknown means that nobody knows the ID.
	GapUnknown GapReason = "unknown"
	// GapSkipped means that a subscriber was too slow for a channel whose policy
	// is [Skip] or [Conflate].
	GapSkipped GapReason = "skipped"
)

// Error returns the reason and the bounds.
func (e *GapError) Error() string {
	if e.Reason == GapSkipped {
		return fmt.Sprintf("tidings: skipped %s to %s on channel %q", e.Oldest, e.Newest, e.Channel)
	}
	return fmt.Sprintf("tidings: gap (%s): kept are %s to %s", string(e.Reason), e.Oldest, e.Newest)
}
