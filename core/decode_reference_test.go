package core_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tidings-go/tidings/core"
)

// trace is what a decoder returns for a stream, one line for each result.
type trace []string

func (tr trace) String() string { return strings.Join(tr, "\n") }

// withoutComments returns the trace as text, with an LF before it.
func (tr trace) withoutComments() string {
	rest := slices.DeleteFunc(slices.Clone(tr), func(line string) bool { return strings.HasPrefix(line, "comment ") })
	return "\n" + rest.String()
}

func commentLine(text string) string {
	return fmt.Sprintf("comment %+q", text)
}

func eventLine(ev core.Event, lastID string) string {
	return fmt.Sprintf("event %+q id %+q last %+q retry %v data %+q", ev.Name, ev.ID, lastID, ev.Retry, ev.Data)
}

func endLine(err error, lastID string, retry time.Duration, ok bool) string {
	return fmt.Sprintf("end %v last %+q retry %v %v", err, lastID, retry, ok)
}

// decode returns the trace of a [core.Decoder].
func decode(r io.Reader, cfg core.DecoderConfig) trace {
	var tr trace
	cfg.OnComment = func(text string) { tr = append(tr, commentLine(text)) }
	d := core.NewDecoder(r, cfg)
	for {
		ev, err := d.Next()
		if err != nil {
			retry, ok := d.Retry()
			tr = append(tr, endLine(err, d.LastEventID(), retry, ok))
			if _, again := d.Next(); !errors.Is(again, err) {
				tr = append(tr, fmt.Sprintf("then %v", again))
			}
			return tr
		}
		tr = append(tr, eventLine(ev, d.LastEventID()))
	}
}

// reference returns the trace that sections 9.2.5 and 9.2.6 prescribe, step by
// step in their words, for a stream that is there as a whole.
func reference(stream []byte) trace {
	var tr trace
	text := referenceUTF8(bytes.TrimPrefix(stream, []byte("\xEF\xBB\xBF")))
	var lines []string
	line := ""
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\r' && i+1 < len(text) && text[i+1] == '\n':
			i++
			fallthrough
		case text[i] == '\n' || text[i] == '\r':
			lines = append(lines, line)
			line = ""
		default:
			line += string(text[i])
		}
	}
	// Not the standard's: the fields of the event's own block.
	var block core.Event
	var data, eventType, lastIDBuffer, lastID string
	var reconnection time.Duration
	reconnectionSet := false
	for _, line := range lines {
		if line == "" {
			lastID = lastIDBuffer
			if data != "" {
				block.Name, block.Data = eventType, strings.TrimSuffix(data, "\n")
				tr = append(tr, eventLine(block, lastID))
			}
			data, eventType, block = "", "", core.Event{}
			continue
		}
		name, value, colon := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case colon && name == "":
			tr = append(tr, commentLine(value))
		case name == "event":
			eventType = value
		case name == "data":
			data += value + "\n"
		case name == "id" && !strings.Contains(value, "\x00"):
			lastIDBuffer, block.ID = value, value
		case name == "retry" && value != "" && strings.Trim(value, "0123456789") == "":
			var ms int64
			for _, digit := range value {
				ms = min(ms*10+int64(digit-'0'), math.MaxInt64/int64(time.Millisecond))
			}
			block.Retry = time.Duration(ms) * time.Millisecond
			reconnection, reconnectionSet = block.Retry, true
		}
	}
	tr = append(tr, endLine(io.EOF, lastID, reconnection, reconnectionSet))
	return tr
}

// referenceUTF8 is the UTF-8 decoder of the WHATWG Encoding standard, section
// 8.1.1, step by step in its words.
func referenceUTF8(stream []byte) []rune {
	var out []rune
	var point rune
	var seen, needed int
	lower, upper := byte(0x80), byte(0xBF)
	for i := 0; i < len(stream); i++ {
		c := stream[i]
		if needed == 0 {
			switch {
			case c <= 0x7F:
				out = append(out, rune(c))
			case c >= 0xC2 && c <= 0xDF:
				needed, point = 1, rune(c&0x1F)
			case c >= 0xE0 && c <= 0xEF:
				if c == 0xE0 {
					lower = 0xA0
				}
				if c == 0xED {
					upper = 0x9F
				}
				needed, point = 2, rune(c&0xF)
			case c >= 0xF0 && c <= 0xF4:
				if c == 0xF0 {
					lower = 0x90
				}
				if c == 0xF4 {
					upper = 0x8F
				}
				needed, point = 3, rune(c&0x7)
			default:
				out = append(out, '\uFFFD')
			}
			continue
		}
		if c < lower || c > upper {
			point, needed, seen, lower, upper = 0, 0, 0, 0x80, 0xBF
			i-- // restore the byte
			out = append(out, '\uFFFD')
			continue
		}
		lower, upper = 0x80, 0xBF
		point = point<<6 | rune(c&0x3F)
		if seen++; seen == needed {
			out = append(out, point)
			point, needed, seen = 0, 0, 0
		}
	}
	if needed != 0 {
		out = append(out, '\uFFFD')
	}
	return out
}

// chunks reads data in pieces of the given sizes, over and over; a size of
// zero reads nothing once.
type chunks struct {
	data  []byte
	sizes []int
	turn  int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	size := c.sizes[c.turn%len(c.sizes)]
	c.turn++
	n := copy(p[:min(size, len(p))], c.data)
	c.data = c.data[n:]
	return n, nil
}
