package history

import "math"

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

// Follows reports whether the query is for what follows After.
func (q Query) Follows() bool { return !q.Oldest && q.Tail <= 0 && !q.Snapshot }

// Limits returns MaxEvents and MaxBytes, or what bounds nothing.
func (q Query) Limits() (events, bytes int) {
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
