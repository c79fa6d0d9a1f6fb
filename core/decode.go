package core

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	defaultMaxEvent = 16 << 20
	leastMaxLine    = 1 << 20 // of the defaults: names and IDs need room beside a small MaxEvent

	firstBuffer = 4 << 10  // holds some thirty ordinary events
	keptBuffer  = 64 << 10 // a larger one is let go when the line that needed it is over

	maxEmptyReads = 100
)

var errReadCount = errors.New("tidings: reader returned an invalid count")

// SizeError reports a stream that sends more at once than a [Decoder] is
// configured to take. Lines that are ignored do not count.
type SizeError struct {
	What  string // "line" or "event"
	Limit int    // in bytes
}

// Error returns what is too large, and the limit.
func (e *SizeError) Error() string {
	return "tidings: " + e.What + " longer than " + strconv.Itoa(e.Limit) + " bytes"
}

// DecoderConfig says what a [Decoder] accepts. The zero value is ready to use.
type DecoderConfig struct {
	// MaxLine is the length in bytes of the longest line that is kept, without
	// its end. A line that section 9.2.6 ignores has any length, and takes no
	// memory: a field of another name, an id with a NUL, a retry that is not
	// digits, a comment without OnComment. Where it is longer than MaxLine, its
	// first MaxLine+1 bytes show whether it is one.
	// Default: what a data line of MaxEvent takes, and 1 MiB at least; also if
	// negative.
	MaxLine int
	// MaxEvent is the length in bytes of the longest data of one event, the LFs
	// between its lines included. Default: 16 MiB, also if negative.
	MaxEvent int
	// LastEventID is the last event ID that a client brings from the connection
	// before: [Decoder.LastEventID] returns it until the stream sets another, or
	// resets it. It is copied. Default: none.
	LastEventID string
	// OnComment, if set, is called from Next for each comment line, in the
	// order of the stream, with its text: what follows the colon and, if there
	// is one, the space after it. A comment longer than MaxLine is left out. It
	// must not call the decoder.
	// Default: comments are dropped.
	OnComment func(text string)
}

// Decoder reads events from a byte stream as sections 9.2.5 and 9.2.6 have a
// browser read them. It has no goroutine and need not be closed. Its memory is
// bounded by the limits of its [DecoderConfig], not by the stream's length.
//
// A Decoder is not safe for concurrent use.
type Decoder struct {
	r         io.Reader
	maxLine   int
	maxEvent  int
	onComment func(string)

	// buf[pos:end] has been read from r but not used. There is no LF in
	// buf[pos:lf], and no CR in buf[pos:cr].
	buf              []byte
	pos, end, lf, cr int
	lineEnd          int   // where in buf the line that is being taken ends
	started          bool  // the start of the stream was looked at for a BOM
	skipLF           bool  // the last line ended in a CR: an LF that follows belongs to it
	ignoring         bool  // what precedes pos is part of the line that begins there, which is ignored
	readErr          error // the reader's last word, due once buf is used up
	err              error // latched

	block    block
	data     []byte    // the block's data, unless it still lies in buf
	names    [8]string // those met last: most streams use few, again and again
	nextName int
	lastID   string
	retry    time.Duration
	retrySet bool
}

// NewDecoder returns a decoder of what r sends, and reads nothing itself. The
// decoder reads ahead: what it has taken from r beyond the last event is lost to
// other readers of r. It never closes r.
func NewDecoder(r io.Reader, cfg DecoderConfig) *Decoder {
	d := &Decoder{
		r: r, maxLine: cfg.MaxLine, maxEvent: cfg.MaxEvent,
		lastID: strings.Clone(cfg.LastEventID), onComment: cfg.OnComment,
	}
	if d.maxEvent <= 0 {
		d.maxEvent = defaultMaxEvent
	}
	if d.maxLine <= 0 {
		d.maxLine = max(leastMaxLine, min(d.maxEvent, math.MaxInt-len("data: "))+len("data: "))
	}
	return d
}

// decodeFrame returns the one event that a frame holds, which the encoder wrote.
func decodeFrame(frame []byte) Event {
	d := Decoder{
		maxLine: len(frame), maxEvent: len(frame), started: true,
		buf: frame, end: len(frame),
		readErr: io.EOF, // nothing is read, and so the frame is not written to
	}
	ev, _ := d.Next() // it cannot be incomplete, nor too large
	return ev
}

// Next returns the next event. It blocks while the reader does, but never
// while an event that is complete has been read: the CR or LF of its blank line
// completes an event, whatever follows.
//
// The event's ID is the one of its own block, empty if that had none; the one
// that lasts is [Decoder.LastEventID]. Its Name is empty if the block had none,
// and its Retry is that of its block. Its Key is always empty. Its strings are
// the caller's, and stay as they are.
//
// The error is [io.EOF] where the reader ends, even within an event, which is
// then dropped (section 9.2.6); a [*SizeError] for a line or an event over the
// limit; [io.ErrNoProgress] for a reader that keeps returning nothing; and
// otherwise the reader's own. All further calls return the same error.
func (d *Decoder) Next() (Event, error) {
	var ev Event
	for d.err == nil {
		line, err := d.line()
		if err == nil && len(line) > 0 {
			err = d.field(line)
		} else if err == nil && d.dispatch(&ev) {
			return ev, nil
		}
		if err != nil {
			d.fail(err)
		}
	}
	return Event{}, d.err
}

// fail latches the error and lets go of all memory.
func (d *Decoder) fail(err error) {
	d.err = err
	d.block, d.buf, d.data, d.names = block{}, nil, nil, [8]string{}
}

// All returns an iterator over the events that [Decoder.Next] returns. It ends
// after io.EOF without an error; any other error is yielded once, with a zero
// Event, as the last pair. A loop that was left early can be taken up again by
// another call of All or Next.
func (d *Decoder) All() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			ev, err := d.Next()
			if err == io.EOF { //nolint:errorlint // a wrapped io.EOF is a reader's failure, not the stream's end
				return
			}
			if !yield(ev, err) || err != nil {
				return
			}
		}
	}
}

// LastEventID returns the ID to resume after: that of the latest block which
// had one and was complete, also if it dispatched no event, and before that the
// one of the [DecoderConfig]. An empty id field resets it. This is the last
// event ID string of section 9.2.6; the id of a block that the end of the
// stream cut off does not count. A reader may call it from its Read.
func (d *Decoder) LastEventID() string {
	return d.lastID
}

// Retry returns the latest valid reconnection time that the stream has set, in
// whole milliseconds, and whether it has set one. It counts as soon as its line
// is read, also in a block that dispatches no event (section 9.2.6). A number
// too large for a Duration gives the largest that is whole milliseconds.
func (d *Decoder) Retry() (time.Duration, bool) {
	return d.retry, d.retrySet
}

// line returns the next line without its end. It is valid until the next call.
func (d *Decoder) line() ([]byte, error) {
	if !d.started {
		if err := d.start(); err != nil {
			return nil, err
		}
	}
	for {
		d.lf = d.find('\n', d.lf)
		d.cr = d.find('\r', d.cr)
		start, stop := d.pos, min(d.lf, d.cr)
		long := stop-start > d.maxLine
		if stop < d.end && !long && !d.ignoring {
			d.endLine(stop)
			return d.buf[start:stop], nil
		}
		if long && !d.ignoring && !d.ignorable(d.buf[start:start+d.maxLine+1], true) {
			return nil, &SizeError{What: "line", Limit: d.maxLine}
		}
		d.ignoring = d.ignoring || long
		if stop < d.end {
			d.endLine(stop)
			d.ignoring = false
			continue
		}
		if err := d.fill(); err != nil {
			return nil, err
		}
	}
}

// endLine takes note that a line ends at stop in buf.
func (d *Decoder) endLine(stop int) {
	d.pos = stop + 1
	d.lineEnd = stop
	d.skipLF = stop == d.cr
	d.dropLF()
}

// start passes over one BOM at the start of the stream (section 9.2.5).
func (d *Decoder) start() error {
	const bom = "\uFEFF"
	for !d.started {
		head := string(d.buf[d.pos:min(d.pos+len(bom), d.end)])
		if d.started = len(head) == len(bom) || !strings.HasPrefix(bom, head); !d.started {
			if err := d.fill(); err != nil {
				return err
			}
		} else if head == bom {
			d.pos += len(bom)
		}
	}
	return nil
}

// find returns the index of the first c in buf[pos:end], or end. It starts at
// from, up to where the last search came: no byte is passed over twice, also
// in a stream that never uses one of the line ends.
func (d *Decoder) find(c byte, from int) int {
	from = max(from, d.pos)
	if from < d.end {
		if i := bytes.IndexByte(d.buf[from:d.end], c); i >= 0 {
			return from + i
		}
	}
	return d.end
}

// dropLF passes over the LF of a CRLF as soon as it is there.
func (d *Decoder) dropLF() {
	if d.skipLF && d.pos < d.end {
		d.skipLF = false
		if d.buf[d.pos] == '\n' {
			d.pos++
		}
	}
}

// fill reads more, once all that buf holds is at most part of a line.
func (d *Decoder) fill() error {
	if d.readErr != nil {
		return d.readErr
	}
	d.makeRoom()
	for range maxEmptyReads {
		n, err := d.r.Read(d.buf[d.end:])
		if n < 0 || n > len(d.buf)-d.end {
			return errReadCount
		}
		d.end += n
		d.readErr = err
		d.dropLF()
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// makeRoom moves what is left in buf to its start, and gives it a size to suit.
// Of a line that is ignored, nothing is left.
func (d *Decoder) makeRoom() {
	d.takeData()
	d.takeID()
	rest := d.buf[d.pos:d.end]
	size := len(d.buf)
	// To look whenever a line fills the buffer is enough, and takes each byte
	// twice at most.
	if size > 0 && len(rest) == size && !d.ignoring {
		d.ignoring = d.ignorable(rest, false)
	}
	if d.ignoring {
		rest = nil
	}
	switch {
	case size == 0:
		size = firstBuffer
	case len(rest) == size:
		if size *= 2; size > d.maxLine {
			size = d.maxLine + 1 // one byte over the limit tells
		}
	case size > keptBuffer && len(rest) <= keptBuffer/2:
		size = keptBuffer
	}
	to := d.buf
	if size != len(d.buf) {
		to = make([]byte, size)
	}
	// The beginning of a long line stays where it is.
	if size != len(d.buf) || d.pos > 0 || len(rest) == 0 {
		d.end = copy(to, rest)
	}
	d.buf, d.pos = to, 0
	d.lf, d.cr = d.end, d.end
}
