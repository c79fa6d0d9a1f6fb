package history

import "time"

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
	r.Fill(e, p, at)
	return e
}

// Fill makes e the entry that At returns, for a store that has the room already.
func (r Record) Fill(e *Entry, p Position, at time.Time) {
	*e = Entry{
		Position: p, Time: at, Channel: r.Channel, Key: r.Key, To: r.To,
		chosen: r.ID, body: int32(len(r.Body)), following: int32(r.Following), //nolint:gosec // The hub's limits are far below.
	}
	if r.ID != "" {
		e.frame = append(append(append(r.Body, "id: "...), r.ID...), "\n\n"...)
		return
	}
	e.frame = append(p.Append(append(r.Body, "id: "...)), "\n\n"...)
}

// TrailerRoom is the room that an id line with a position and the blank line
// after it need at most.
const TrailerRoom = len("id: ") + 13 + 1 + 20 + len("\n\n")

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

// OwnID returns the app's own ID for the event, or nothing.
func (e *Entry) OwnID() string { return e.chosen }

// Subject returns what the event is about, for those who get it.
func (e *Entry) Subject() Subject { return Subject{e.To, e.Key} }

// Subject is what events are about, for those who get them: of several events
// with the same subject and a key, the latest counts.
type Subject struct {
	// To is who gets the events.
	To Audience
	// Key is the events' key, or empty.
	Key string
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

// Seq returns the sequence number of the entry's position.
func (e *Entry) Seq() uint64 { return e.Position.Seq }

// Until returns the sequence number of the last entry that was published
// together with this one.
func (e *Entry) Until() uint64 { return e.Position.Seq + uint64(e.following) } //nolint:gosec // It is not negative.

// entryOverhead is about what an entry costs beside the texts it holds.
const entryOverhead = 176

// MaxSize returns what the Size of the entry is at most.
func (r Record) MaxSize() int {
	return entryOverhead + len(r.Body) + max(TrailerRoom, len("id: \n\n")+len(r.ID)) + len(r.Key) + len(r.To.text)
}

// Size returns about what the entry costs in memory, in bytes.
func (e *Entry) Size() int {
	return entryOverhead + len(e.frame) + len(e.Key) + len(e.To.text)
}
