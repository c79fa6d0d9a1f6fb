package history

import (
	"math"
	"strconv"
	"time"
)

// Record is a published event before a store has given it a position.
type Record struct {
	// Channel is the channel's name.
	Channel string
	// ID is the app's own ID for the event. If it is empty, the text of the
	// position is the event's ID.
	ID string
	// Key is the event's key, or empty.
	Key string
	// To is the event's audience.
	To Audience
	// Once is the idempotency key that the event is published with, or empty. Only
	// Append uses it.
	Once string
	// Following is the number of the next records that were published together
	// with this one and are delivered together with it.
	Following int
	// Body is the encoded event without its id line and final blank line.
	Body []byte
	// Trace is the trace context of the publisher, or empty. The hub reads it from
	// the entries that it is delivered. A store on one machine need not keep it with
	// its history; one that is shared should, where that is cheap, so that other
	// machines get it.
	Trace string

	buf []byte // Body with HeadRoom bytes before it, or nil: see In
}

// HeadRoom is the number of bytes that In needs before a record's Body: for the
// size of a chunk, and its line break.
const HeadRoom = 8 + 2

// In returns the record with a Body that stands in buf, after the first HeadRoom
// bytes. The entry is then made in buf, where its spare capacity suffices,
// instead of in a copy. The caller must not use buf any more.
func (r Record) In(buf []byte) Record {
	r.Body, r.buf = buf[HeadRoom:], buf
	return r
}

// At returns the entry of the record at a position. A store calls it once for
// each record, because the entry may use the memory of Body.
func (r Record) At(p Position, at time.Time) *Entry {
	e := new(Entry)
	r.Fill(e, p, at)
	return e
}

// Fill makes e the entry that At returns, for a store that has allocated e.
func (r Record) Fill(e *Entry, p Position, at time.Time) {
	*e = Entry{
		Position: p, Time: at, Channel: r.Channel, Key: r.Key, To: r.To,
		chosen: r.ID, body: int32(len(r.Body)), following: int16(min(r.Following, math.MaxInt16)), //nolint:gosec // The hub's limits are far below.
	}
	buf := r.buffer()
	if r.ID != "" {
		buf = append(append(append(buf, "id: "...), r.ID...), "\n\n"...)
	} else {
		buf = append(p.Append(append(buf, "id: "...)), "\n\n"...)
	}
	if r.Trace != "" {
		trace := r.Trace // taking the address of r would put every record on the heap
		e.trace = &trace
	}
	e.chunk = Chunk(buf)
	e.head = uint8(len(e.chunk) - len(buf) + HeadRoom - len("\r\n")) //nolint:gosec // It is HeadRoom at most.
}

// Chunk returns the bytes of buf after the first HeadRoom as a chunk of HTTP/1.1
// (RFC 9112, section 7.1). It uses the memory of buf, and no more if buf has a
// spare capacity of two bytes.
func Chunk(buf []byte) []byte {
	var size [HeadRoom]byte
	line := append(strconv.AppendInt(size[:0], int64(len(buf)-HeadRoom), 16), "\r\n"...)
	buf = append(buf, "\r\n"...)
	start := HeadRoom - len(line)
	copy(buf[start:], line)
	return buf[start:]
}

// buffer returns Body with HeadRoom bytes before it, in memory that may be
// changed.
func (r Record) buffer() []byte {
	if r.buf != nil && len(r.buf) == HeadRoom+len(r.Body) && (len(r.Body) == 0 || &r.buf[HeadRoom] == &r.Body[0]) {
		return r.buf
	}
	buf := make([]byte, HeadRoom, HeadRoom+len(r.Body)+r.MaxTrailer())
	return append(buf, r.Body...)
}

// TrailerRoom is the maximum size in bytes of an id line with a position, of
// the blank line after it, and of the end of a chunk.
const TrailerRoom = len("id: ") + 13 + 1 + 20 + len("\n\n\r\n")

// MaxTrailer returns an upper bound of what At appends to Body, in bytes.
func (r Record) MaxTrailer() int { return max(TrailerRoom, len("id: \n\n\r\n")+len(r.ID)) }

// Entry is an event in a store. It is immutable, and shared by all its users.
type Entry struct {
	// Position is the event's place in the hub's order.
	Position Position
	// Time is when the event was appended.
	Time time.Time
	// Channel is the name of the event's channel.
	Channel string
	// Key is the event's key, or empty.
	Key string
	// To is the event's audience.
	To Audience

	chosen    string  // the app's own ID, or empty
	trace     *string // the publisher's trace context, or nil
	chunk     []byte  // the encoded event, as a chunk
	body      int32   // length of the record's body
	following int16   // number of the next positions in the same batch
	head      uint8   // length of the chunk's first line
}

// OwnID returns the app's own ID for the event, or "".
func (e *Entry) OwnID() string { return e.chosen }

// Trace returns the trace context that the event was published with, or "".
func (e *Entry) Trace() string {
	if e.trace == nil {
		return ""
	}
	return *e.trace
}

// Subject returns the event's audience and key.
func (e *Entry) Subject() Subject { return Subject{e.To, e.Key} }

// Subject is a key together with an audience. Of several events with the same
// subject and a key, the latest replaces the others.
type Subject struct {
	// To is the audience of the events.
	To Audience
	// Key is the key of the events, or empty.
	Key string
}

// ID returns the event's ID on the wire.
func (e *Entry) ID() string {
	if e.chosen != "" {
		return e.chosen
	}
	return e.Position.String()
}

// Record returns the record that the entry was made of, without its Once. The
// caller must not change its Body.
func (e *Entry) Record() Record {
	return Record{
		Channel: e.Channel, ID: e.chosen, Key: e.Key, To: e.To, Following: int(e.following), Trace: e.Trace(),
		Body: e.Frame()[:e.body:e.body],
	}
}

// Frame returns the encoded event as it is sent. The caller must not change it.
func (e *Entry) Frame() []byte {
	if len(e.chunk) == 0 {
		return nil // the zero Entry
	}
	return e.chunk[e.head : len(e.chunk)-len("\r\n")]
}

// Chunk returns Frame as a chunk of HTTP/1.1 (RFC 9112, section 7.1). The caller
// must not change it.
func (e *Entry) Chunk() []byte { return e.chunk }

// Seq returns the sequence number of the entry's position.
func (e *Entry) Seq() uint64 { return e.Position.Seq }

// Until returns the sequence number of the last entry that was published
// together with this one.
func (e *Entry) Until() uint64 { return e.Position.Seq + uint64(e.following) } //nolint:gosec // It is not negative.

// entryOverhead is about how many bytes an entry takes beside its texts.
const entryOverhead = 176

// MaxSize returns an upper bound of the Size of the record's entry, in bytes.
func (r Record) MaxSize() int {
	return entryOverhead + HeadRoom + len(r.Body) + r.MaxTrailer() + len(r.Key) + len(r.To.text) + len(r.Trace)
}

// Size returns about how many bytes the entry takes in memory.
func (e *Entry) Size() int {
	return entryOverhead + len(e.chunk) + len(e.Key) + len(e.To.text) + len(e.Trace())
}
