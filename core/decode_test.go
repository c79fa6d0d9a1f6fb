package core_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unsafe"

	"github.com/tidings-go/tidings/core"
)

// seen is what a stream without comments, ids and retries should give.
func seen(data ...string) trace {
	var tr trace
	for _, text := range data {
		tr = append(tr, eventLine(core.Event{Data: text}, ""))
	}
	return append(tr, `end EOF last "" retry 0s false`)
}

func TestDecode(t *testing.T) {
	t.Parallel()
	const ends = `end EOF last "" retry 0s false`
	tests := []struct {
		name, stream string
		want         trace
	}{
		{"nothing", "", seen()},
		{"blank lines", "\n\r\n\r\r\n\n", seen()},
		{"LF", "data: a\n\ndata: b\n\n", seen("a", "b")},
		{"CR", "data: a\r\rdata: b\r\r", seen("a", "b")},
		{"CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", seen("a", "b")},
		{"CR LF CR", "data: a\r\n\rdata: b\n\r\n", seen("a", "b")},
		{"LF CR are two ends", "data: a\n\rdata: b\n\r", seen("a", "b")},
		{"CRLF LF", "data: a\r\n\ndata: b\r\n\n", seen("a", "b")},
		{"mixed ends", "data:test\r\ndata\ndata:test\r\n\r", seen("test\n\ntest")},
		{"lines join by LF", "data: a\rdata: b\r\ndata: c\n\n", seen("a\nb\nc")},

		{"BOM", "\ufeffdata: a\n\n", seen("a")},
		{"BOM alone", "\ufeff", seen()},
		{"BOM, blank line", "\ufeff\ndata: a\n\n", seen("a")},
		{"two BOMs", "\ufeff\ufeffdata: a\n\ndata: b\n\n", seen("b")},
		{"BOM later", "data: a\n\n\ufeffdata: b\n\ndata: \ufeffc\n\n", seen("a", "\ufeffc")},
		{"part of a BOM", "\xef\xbbdata: a\n\ndata: b\n\n", seen("b")},
		{"part of a BOM, end", "\xef\xbb", seen()},
		{"part of a BOM, line end", "\xef\ndata: a\n\n", seen("a")},

		{"empty data", "data\n\ndata:\n\ndata: \n\n", seen("", "", "")},
		{"two empty lines of data", "data\ndata:\n\n", seen("\n")},
		{"data ends in an empty line", "data: a\ndata\n\n", seen("a\n")},
		{"one space is stripped", "data:a\ndata: b\ndata:  c\ndata:\td\ndata : e\n data: f\n\n", seen("a\nb\n c\n\td")},
		{"colons in data", "data: a: b\ndata::\n\n", seen("a: b\n:")},
		{"unknown fields", "Data: 1\ndat: 2\ndata2: 3\ndata_\nother\nDATA\ndatadata: 4\nevents: 5\ndata: a\n\n", seen("a")},
		{"unknown field, long", strings.Repeat("x", 9000) + ": 1\ndata: a\n\n", seen("a")},
		{"NUL in a name and in data", "data:\x00\ndata:  2\rData:1\ndata\x00:2\ndata:1\r\x00data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n", seen("\x00\n 2\n1\n3\n\n4")},
		{"partial event", "data: a\n\ndata: b\n", seen("a")},
		{"partial line", "data: a\n\ndata: b", seen("a")},

		{"name", "event: x\ndata: a\n\ndata: b\n\n", trace{`event "x" id "" last "" retry 0s data "a"`, `event "" id "" last "" retry 0s data "b"`, ends}},
		{"last name counts", "event: x\nevent:y\ndata: a\n\nevent: x\nevent\ndata: b\n\n", trace{`event "y" id "" last "" retry 0s data "a"`, `event "" id "" last "" retry 0s data "b"`, ends}},
		{"name without data is forgotten", "event: x\n\ndata: a\n\n", seen("a")},
		{"more names than are interned", names(20), namesSeen(20)},

		{"id sticks", "id: 1\ndata: a\n\ndata: b\n\n", trace{`event "" id "1" last "1" retry 0s data "a"`, `event "" id "" last "1" retry 0s data "b"`, `end EOF last "1" retry 0s false`}},
		{"id after data", "data: a\nid: 1\n\n", trace{`event "" id "1" last "1" retry 0s data "a"`, `end EOF last "1" retry 0s false`}},
		{"id far from data", "id: 1\n" + strings.Repeat(": 123456789\n", 30) + "data: a\n\n", append(repeat(`comment "123456789"`, 30), `event "" id "1" last "1" retry 0s data "a"`, `end EOF last "1" retry 0s false`)},
		{"last id counts", "id: 1\ndata: a\nid: 2\n\n", trace{`event "" id "2" last "2" retry 0s data "a"`, `end EOF last "2" retry 0s false`}},
		{"empty id resets", "id: 1\ndata: a\n\nid\ndata: b\n\n", trace{`event "" id "1" last "1" retry 0s data "a"`, `event "" id "" last "" retry 0s data "b"`, ends}},
		{"id with NUL is ignored", "id: 1\nid: 2\x00\ndata: a\n\n", trace{`event "" id "1" last "1" retry 0s data "a"`, `end EOF last "1" retry 0s false`}},
		{"id without data", "id: 1\n\ndata: a\n\n", trace{`event "" id "" last "1" retry 0s data "a"`, `end EOF last "1" retry 0s false`}},
		{"id of a partial event", "id: 1\n\nid: 2\ndata: a\n", trace{`end EOF last "1" retry 0s false`}},
		{"id not UTF-8", "id: \xff\xe2\x82\ndata: a\n\n", trace{`event "" id "\ufffd\ufffd" last "\ufffd\ufffd" retry 0s data "a"`, `end EOF last "\ufffd\ufffd" retry 0s false`}},
		{"id valid after one that is not UTF-8", "id: \xff\nid: 1\ndata: \xff\n\n", trace{`event "" id "1" last "1" retry 0s data "\ufffd"`, `end EOF last "1" retry 0s false`}},
		{"id not UTF-8 after one that is valid", "id: 1\nid: \xff\ndata: a\n\n", trace{`event "" id "\ufffd" last "\ufffd" retry 0s data "a"`, `end EOF last "\ufffd" retry 0s false`}},

		{"retry", "retry: 1500\ndata: a\n\ndata: b\n\n", trace{`event "" id "" last "" retry 1.5s data "a"`, `event "" id "" last "" retry 0s data "b"`, `end EOF last "" retry 1.5s true`}},
		{"retry without data", "retry: 1500\n\n", trace{`end EOF last "" retry 1.5s true`}},
		{"retry of a partial event", "retry: 1500\n", trace{`end EOF last "" retry 1.5s true`}},
		{"retry of a partial line", "retry: 1500", seen()},
		{"retry zero", "retry: 5\nretry: 000\n\n", trace{`end EOF last "" retry 0s true`}},
		{"retry bogus", "retry: 5\nretry: 6x\nretry: -7\nretry: +8\nretry:  9\nretry: 1.5\nretry: 1e3\nretry:\nretry\nretry: ٣\nretry: 6 \n\n", trace{`end EOF last "" retry 5ms true`}},
		{"retry of leading zeros", "retry: 00000000000000000000000005\n\n", trace{`end EOF last "" retry 5ms true`}},
		{"retry huge", "retry: 99999999999999999999999999\n\n", trace{`end EOF last "" retry 2562047h47m16.854s true`}},
		{"retry largest", "retry: 9223372036854\n\nretry: 9223372036855\n\n", trace{`end EOF last "" retry 2562047h47m16.854s true`}},

		{"comments", ":a\n: b\n:  c\n:\n: \ndata: a\n::\n\n:z\n", trace{`comment "a"`, `comment "b"`, `comment " c"`, `comment ""`, `comment ""`, `comment ":"`, `event "" id "" last "" retry 0s data "a"`, `comment "z"`, ends}},
		{"comment first after a BOM", "\ufeff: \xff\n\n", trace{`comment "\ufffd"`, ends}},
		{"data not UTF-8", "data: a\xffb\n\ndata: ok\ndata: \xe2\x82\ndata: \xac\n\n", seen("a\ufffdb", "ok\n\ufffd\n\ufffd")},
		{"name not UTF-8", "event: \xc0\ndata: a\n\nevent: \xc0\ndata: b\n\n", trace{`event "\ufffd" id "" last "" retry 0s data "a"`, `event "\ufffd" id "" last "" retry 0s data "b"`, ends}},
		{"larger than a buffer", "data: " + strings.Repeat("é", 5000) + "\ndata: b\nid: 1\n\n", trace{fmt.Sprintf(`event "" id "1" last "1" retry 0s data %+q`, strings.Repeat("é", 5000)+"\nb"), `end EOF last "1" retry 0s false`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := reference([]byte(tt.stream)); got.String() != tt.want.String() {
				t.Errorf("the standard gives\n%v\nthe test wants\n%v", got, tt.want)
			}
			check := func(how string, got trace) {
				if got.String() != tt.want.String() {
					t.Errorf("%s: got\n%v\nwant\n%v", how, got, tt.want)
				}
			}
			stream := []byte(tt.stream)
			step := 1 + len(stream)/200
			for size := 1; size <= len(stream)+1; size += step {
				check(fmt.Sprintf("chunks of %d", size), decode(&chunks{data: stream, sizes: []int{size}}, core.DecoderConfig{}))
			}
			check("whole", decode(strings.NewReader(tt.stream), core.DecoderConfig{}))
			check("empty reads", decode(&chunks{data: stream, sizes: []int{0, 1, 0, 0, 2}}, core.DecoderConfig{}))
			check("one byte", decode(iotest.OneByteReader(strings.NewReader(tt.stream)), core.DecoderConfig{}))
			check("half", decode(iotest.HalfReader(strings.NewReader(tt.stream)), core.DecoderConfig{}))
			check("data with EOF", decode(iotest.DataErrReader(strings.NewReader(tt.stream)), core.DecoderConfig{}))
			check("one byte with EOF", decode(iotest.DataErrReader(iotest.OneByteReader(strings.NewReader(tt.stream))), core.DecoderConfig{}))
		})
	}
}

func repeat(line string, n int) trace {
	var tr trace
	for range n {
		tr = append(tr, line)
	}
	return tr
}

// names returns a stream of n events, each of its own name, twice.
func names(n int) string {
	var sb strings.Builder
	for i := range 2 * n {
		fmt.Fprintf(&sb, "event: %s%d\ndata: a\n\n", strings.Repeat("n", i%n*7), i%n)
	}
	return sb.String()
}

func namesSeen(n int) trace {
	var tr trace
	for i := range 2 * n {
		tr = append(tr, eventLine(core.Event{Name: fmt.Sprint(strings.Repeat("n", i%n*7), i%n), Data: "a"}, ""))
	}
	return append(tr, `end EOF last "" retry 0s false`)
}

func TestDecodeLastEventID(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ stream, want string }{
		{"", "0"},
		{"data: a\n\n", "0"},
		{"id: 1\ndata: a\n", "0"},
		{"id: 1\x00\ndata: a\n\n", "0"},
		{"id: 1\n\n", "1"},
		{"id: 1\ndata: a\n\ndata: b\n\n", "1"},
		{"id\ndata: a\n\n", ""},
	} {
		var seen string
		var d *core.Decoder
		d = core.NewDecoder(reads(func(p []byte) (int, error) {
			seen = d.LastEventID()
			n := copy(p, tt.stream)
			tt.stream = tt.stream[n:]
			if n == 0 {
				return 0, io.EOF
			}
			return n, nil
		}), core.DecoderConfig{LastEventID: "0"})
		for _, err := range d.All() {
			if err != nil {
				t.Errorf("got error %v, want none", err)
			}
		}
		if got := d.LastEventID(); got != tt.want || seen != tt.want {
			t.Errorf("last event ID: got %q, and %q in the last Read, want %q", got, seen, tt.want)
		}
	}
}

// reads is a reader that is a function.
type reads func(p []byte) (int, error)

func (r reads) Read(p []byte) (int, error) { return r(p) }

// TestDecoderLentID checks that the decoder copies the ID that it is given: a
// server may lend it, and change it after the request.
func TestDecoderLentID(t *testing.T) {
	t.Parallel()
	lent := []byte("7")
	id := unsafe.String(unsafe.SliceData(lent), len(lent))
	d := core.NewDecoder(strings.NewReader("data: a\n\n"), core.DecoderConfig{LastEventID: id})
	lent[0] = '!'
	if _, err := d.Next(); err != nil || d.LastEventID() != "7" {
		t.Errorf("got ID %q and error %v, want 7", d.LastEventID(), err)
	}
}
