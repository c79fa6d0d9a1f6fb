package core

import (
	"bytes"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	longestField = len("event")
	maxNameKept  = 64
	// An event's ID and data become one allocation if the part of the stream
	// that holds both is no longer than this. A caller that keeps only the ID
	// thus keeps at most this many bytes in memory.
	maxShared = 256
)

// block holds the fields of the lines since the last blank one.
type block struct {
	name    string
	retry   time.Duration
	dataSet bool
	data    span // of the data in buf; if invalid, the data is in Decoder.data
	idSet   bool
	idAt    span // of the id in buf; if invalid, the id is in id
	id      string
}

// span is a part of a decoder's buffer, buf[start:stop].
type span struct {
	valid       bool
	start, stop int
}

// field handles a line that is not blank.
func (d *Decoder) field(line []byte) error {
	name, value := line, line[len(line):]
	for i, c := range line {
		if c == ':' {
			name, value = line[:i], line[i+1:]
			if len(value) > 0 && value[0] == ' ' {
				value = value[1:]
			}
			break
		}
		if i == longestField {
			return nil
		}
	}
	switch string(name) {
	case "data":
		return d.addData(value)
	case "event":
		d.block.name = d.intern(value)
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			d.setID(value)
		}
	case "retry":
		if t, ok := parseRetry(value); ok {
			d.block.retry = t
			d.retry, d.retrySet = t, true
		}
	case "":
		if d.onComment != nil {
			d.onComment(decodeUTF8(value))
		}
	}
	return nil
}

// ignorable reports whether a line that begins with part has no effect, however
// it continues. long tells whether the line is longer than the limit.
func (d *Decoder) ignorable(part []byte, long bool) bool {
	i := bytes.IndexByte(part[:min(len(part), longestField+1)], ':')
	if i < 0 {
		for _, field := range [...]string{"data", "event", "id", "retry"} {
			if strings.HasPrefix(field, string(part[:min(len(part), longestField+1)])) {
				return false
			}
		}
		return true
	}
	name, value := part[:i], part[i+1:]
	switch string(name) {
	case "":
		return long || d.onComment == nil
	case "data", "event":
		return false
	case "id":
		return bytes.IndexByte(value, 0) >= 0
	case "retry":
		return bytes.ContainsFunc(bytes.TrimPrefix(value, []byte(" ")), func(c rune) bool { return c < '0' || c > '9' })
	}
	return true
}

// addData adds a data line, which ends at lineEnd in buf, to the block's data.
func (d *Decoder) addData(value []byte) error {
	valid := utf8.Valid(value)
	size := len(value)
	if !d.block.dataSet && valid {
		// Most events have one line of data. It stays in buf until it becomes
		// the event's string, without another copy.
		d.block.dataSet, d.block.data = true, d.place(value)
	} else {
		d.takeData()
		if d.block.dataSet {
			d.data = append(d.data, '\n')
		}
		d.block.dataSet = true
		if valid {
			d.data = append(d.data, value...)
		} else {
			d.data = appendUTF8(d.data, value)
		}
		size = len(d.data)
	}
	if size > d.maxEvent {
		return &SizeError{What: "event", Limit: d.maxEvent}
	}
	return nil
}

// setID stores the value of an id field.
func (d *Decoder) setID(value []byte) {
	d.block.idSet = true
	if utf8.Valid(value) {
		d.block.idAt = d.place(value)
	} else {
		d.block.idAt, d.block.id = span{}, decodeUTF8(value)
	}
}

// place returns the span in buf of a value at the end of its line.
func (d *Decoder) place(value []byte) span {
	return span{valid: true, start: d.lineEnd - len(value), stop: d.lineEnd}
}

// takeData copies the block's data out of buf, if it is there.
func (d *Decoder) takeData() {
	if at := d.block.data; at.valid {
		d.data = append(d.data[:0], d.buf[at.start:at.stop]...)
		d.block.data = span{}
	}
}

// takeID copies the block's ID out of buf, if it is there.
func (d *Decoder) takeID() {
	if at := d.block.idAt; at.valid {
		d.block.id = string(d.buf[at.start:at.stop])
		d.block.idAt = span{}
	}
}

// intern returns an event name. It allocates only for a name that is not among
// the recent ones.
func (d *Decoder) intern(value []byte) string {
	if len(value) == 0 {
		return ""
	}
	for _, name := range d.names {
		if name == string(value) {
			return name
		}
	}
	name := decodeUTF8(value)
	if len(name) <= maxNameKept {
		d.names[d.nextName] = name
		d.nextName = (d.nextName + 1) % len(d.names)
	}
	return name
}

// dispatch ends the block. It reports whether the block has an event, and
// stores it in ev.
func (d *Decoder) dispatch(ev *Event) bool {
	b := &d.block
	dispatched := b.dataSet
	if dispatched {
		ev.Data = d.text()
	}
	d.takeID()
	if b.idSet {
		d.lastID = b.id
	}
	ev.ID, ev.Name, ev.Retry = b.id, b.name, b.retry
	d.block = block{}
	return dispatched
}

// text returns the block's data as a string. If data and ID are small, it makes
// one string for both.
func (d *Decoder) text() string {
	data, id := d.block.data, d.block.idAt
	from, to := min(data.start, id.start), max(data.stop, id.stop)
	switch {
	case data.valid && id.valid && to-from <= maxShared:
		both := string(d.buf[from:to])
		d.block.id, d.block.idAt = both[id.start-from:id.stop-from], span{}
		return both[data.start-from : data.stop-from]
	case data.valid:
		return string(d.buf[data.start:data.stop])
	}
	all := string(d.data)
	d.data = d.data[:0]
	if cap(d.data) > keptBuffer {
		d.data = nil
	}
	return all
}

// parseRetry returns the duration of a retry field, which is milliseconds in
// ASCII digits only.
func parseRetry(value []byte) (time.Duration, bool) {
	const most = math.MaxInt64 / int64(time.Millisecond)
	var ms int64
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		ms = min(ms*10+int64(c-'0'), most)
	}
	return time.Duration(ms) * time.Millisecond, len(value) > 0
}
