package history

import "math"

// Query selects entries of some channels, merged in the order of their
// positions. At most one of Oldest, Tail and Snapshot is set. Without any of
// them, the query selects the entries after After.
type Query struct {
	// Channels are the names of the channels: at least one, without duplicates.
	Channels []string
	// After is the position after which the selected entries begin. It is of the
	// current epoch, or of an earlier one that the store knows. It is zero for
	// Oldest, Tail and the first page of a Snapshot.
	After Position
	// Oldest selects all entries that are kept, from the oldest on.
	Oldest bool
	// Tail, if positive, selects the newest Tail entries.
	Tail int
	// Snapshot selects the newest entry of each key of each channel, separately
	// for each audience. It leaves out entries without a key.
	Snapshot bool
	// Gone, if it is not empty, lists for each of Channels a sequence number:
	// missing entries up to and including it make no gap. It is needed for a
	// subscriber that began with Oldest or Tail and needs more than one page: it
	// is the Gone of the first page.
	Gone []uint64
	// MaxEvents and MaxBytes bound the page. Zero means no bound. The first entry
	// is returned even if it is larger than MaxBytes. To get the rest, query with
	// After = Page.Through.
	MaxEvents, MaxBytes int
}

// Follows reports whether the query selects the entries after After.
func (q Query) Follows() bool { return !q.Oldest && q.Tail <= 0 && !q.Snapshot }

// Limits returns MaxEvents and MaxBytes, with math.MaxInt for no bound.
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
	// Entries are the selected entries, oldest first. The caller may read them,
	// and must not change them.
	Entries []*Entry
	// Through is the position to continue after: Entries lacks no selected entry
	// at or before it. If the page is full, Through is the position of its last
	// entry, otherwise the newest position of the whole store.
	Through Position
	// Gone holds, for a query with Oldest or Tail, the sequence number of the
	// newest entry of each of the query's Channels that is no longer kept, or 0 if
	// there is none.
	Gone []uint64
}
