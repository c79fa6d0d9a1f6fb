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
	"unicode/utf8"
)

const (
	defaultMaxEvent = 16 << 20
	leastMaxLine    = 1 << 20 // for the default of MaxLine: names and IDs need room even if MaxEvent is small

	firstBuffer = 4 << 10  // holds some thirty ordinary events
	keptBuffer  = 64 << 10 // a larger one is released after the line that needed it

	maxEmptyReads = 100
)

var errReadCount = errors.New("tidings: reader returned an invalid count")

// SizeError reports a line or an event over the limits of a [Decoder]. Ignored
// lines do not count.
type SizeError struct {
	What  string // "line" or "event"
	Limit int    // in bytes
}

// Error returns what is too large, and the limit.
func (e *SizeError) Error() string {
	return "tidings: " + e.What + " longer than " + strconv.Itoa(e.Limit) + " bytes"
}

// DecoderConfig configures a [Decoder]. The zero value is ready to use.
type DecoderConfig struct {
	// MaxLine is the maximum length of a line that is kept, in bytes, without
	// its end. A line that section 9.2.6 ignores may have any length, and takes
	// no memory: a field of another name, an id with a NUL, a retry that is not
	// digits, a comment without OnComment. For a line longer than MaxLine, its
	// first MaxLine+1 bytes decide whether it is ignored. Default, also if
	// negative: the length of a data line with MaxEvent bytes, and at least 1
	// MiB.
	MaxLine int
	// MaxEvent is the maximum length of the data of one event, in bytes,
	// including the LFs between its lines. Default, also if negative: 16 MiB.
	MaxEvent int
	// LastEventID is the last event ID of the previous connection:
	// [Decoder.LastEventID] returns it until the stream sets another, or resets
	// it. It is copied. Default: none.
	LastEventID string
	// OnComment, if set, is called from Next for each comment line, in the
	// order of the stream. text is what follows the colon and, if there is one,
	// the space after it. A comment longer than MaxLine is left out. OnComment
	// must not call the decoder.
	OnComment func(text string)
}

// Decoder reads events from a byte stream as a browser does, by sections 9.2.5
// and 9.2.6. It has no goroutine and need not be closed. Its memory is bounded
// by the limits of its [DecoderConfig], not by the stream's length.
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
	lineEnd          int   // index in buf of the end of the current line
	started          bool  // the start of the stream was checked for a BOM
	skipLF           bool  // the last line ended in a CR; a following LF belongs to it
	ignoring         bool  // the bytes before pos belong to the current line, which is ignored
	readErr          error // the reader's error, returned once buf is used up
	err              error // the error of all further calls of Next, or nil

	block    block
	data     []byte    // the block's data, unless it is still in buf
	names    [8]string // recent event names, reused without allocation
	nextName int
	lastID   string
	retry    time.Duration
	retrySet bool
}

// NewDecoder returns a decoder of the bytes of r; NewDecoder itself does not
// read. The decoder reads ahead: bytes of r after the last event may be lost to
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

// decodeFrame returns the event in a frame that the encoder wrote.
func decodeFrame(frame []byte) Event {
	d := Decoder{
		maxLine: len(frame), maxEvent: utf8.UTFMax * len(frame), started: true, // U+FFFD is longer than what it replaces
		buf: frame, end: len(frame),
		readErr: io.EOF, // nothing is read, so the frame is not written to
	}
	ev, _ := d.Next() // the frame is complete and within the limits
	return ev
}

// Next returns the next event. It blocks while the reader blocks, but never if
// a complete event has been read: the CR or LF of its blank line completes an
// event, whatever follows.
//
// The event's ID is that of its own block, empty if the block has none;
// [Decoder.LastEventID] returns the ID that lasts. Its Name is empty if the
// block has none, and its Retry is that of its block. Its Key is always empty.
// The caller owns its strings.
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

// fail records the error for all further calls, and releases all memory.
func (d *Decoder) fail(err error) {
	d.err = err
	d.block, d.buf, d.data, d.names = block{}, nil, nil, [8]string{}
}

// All returns an iterator over the events that [Decoder.Next] returns. It ends
// after io.EOF without an error; any other error is yielded once, with a zero
// Event, as the last pair. After a loop that ended early, another call of All
// or Next continues.
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

// LastEventID returns the ID to resume after: that of the latest complete block
// with an id, even if the block dispatched no event, and before that the ID of
// the [DecoderConfig]. An empty id field resets it. This is the last event ID
// string of section 9.2.6; the id of a block that the end of the stream cuts
// off does not count. A reader may call it from its Read.
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

// endLine ends the current line at index stop of buf.
func (d *Decoder) endLine(stop int) {
	d.pos = stop + 1
	d.lineEnd = stop
	d.skipLF = stop == d.cr
	d.dropLF()
}

// start skips one BOM at the start of the stream (section 9.2.5).
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

// find returns the index of the first c in buf[pos:end], or end. from is the
// result of the previous search: no byte is searched twice, also in a stream
// that never uses one of the line ends.
func (d *Decoder) find(c byte, from int) int {
	from = max(from, d.pos)
	if from < d.end {
		if i := bytes.IndexByte(d.buf[from:d.end], c); i >= 0 {
			return from + i
		}
	}
	return d.end
}

// dropLF skips the LF of a CRLF as soon as it is in buf.
func (d *Decoder) dropLF() {
	if d.skipLF && d.pos < d.end {
		d.skipLF = false
		if d.buf[d.pos] == '\n' {
			d.pos++
		}
	}
}

// fill reads more bytes. buf holds no complete line any more.
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

// makeRoom moves the unused bytes of buf to its start and resizes buf. Of an
// ignored line, nothing is kept.
func (d *Decoder) makeRoom() {
	d.takeData()
	d.takeID()
	rest := d.buf[d.pos:d.end]
	size := len(d.buf)
	// It is enough to check when a line fills the buffer: each byte is then
	// checked twice at most.
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
			size = d.maxLine + 1 // one byte over the limit shows that the line is too long
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
