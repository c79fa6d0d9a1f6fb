package core_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/tidings-go/tidings/core"
)

// TestDecodeDoesNotWait proves that an event is returned once its blank line's
// CR or LF is there. If Next waited for more, all goroutines of the bubble
// would be blocked, and synctest would fail the test.
func TestDecodeDoesNotWait(t *testing.T) {
	t.Parallel()
	for _, writes := range [][]string{
		{"data: 0\n\n", "data: 1\n\n", "data: 2\n\n"},
		{"data: 0\r\r", "data: 1\r\r", "data: 2\r\r"},
		{"data: 0\r\n\r", "\ndata: 1\r\n\r", "\ndata: 2\r\n\r"},
		{"data: 0\r\n\r\n", "data: 1\r\n\r\n", "data: 2\r\n\r\n"},
		{"\ufeffdata: 0\r\r", "\ndata: 1\r\r", "\n\ndata: 2\n\r"},
		{"data: 0\n\n: comm", "ent\ndata: 1\n\ndata", ": 2\n\nx"},
	} {
		t.Run(fmt.Sprintf("%q", writes[0]), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r, w := io.Pipe()
				d := core.NewDecoder(r, core.DecoderConfig{})
				for i, text := range writes {
					wrote := make(chan error, 1)
					go func() {
						_, err := io.WriteString(w, text)
						wrote <- err
					}()
					ev, err := d.Next()
					if want := strconv.Itoa(i); err != nil || ev.Data != want {
						t.Fatalf("got %q, %v, want %q", ev.Data, err, want)
					}
					if err := <-wrote; err != nil {
						t.Fatal(err)
					}
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				if _, err := d.Next(); !errors.Is(err, io.EOF) {
					t.Errorf("got %v, want io.EOF", err)
				}
			})
		})
	}
}

// countedReads counts the calls of its reader.
type countedReads struct {
	io.Reader
	calls int
}

func (c *countedReads) Read(p []byte) (int, error) {
	c.calls++
	return c.Reader.Read(p)
}

func TestDecodeUsesUpWhatItHas(t *testing.T) {
	t.Parallel()
	r := &countedReads{Reader: strings.NewReader("data: a\n\ndata: b\n\nid: 1\n\ndata: c\r\n\r")}
	d := core.NewDecoder(r, core.DecoderConfig{})
	if r.calls != 0 {
		t.Errorf("got %d reads before Next, want 0", r.calls)
	}
	for _, want := range []string{"a", "b", "c"} {
		if ev, err := d.Next(); err != nil || ev.Data != want {
			t.Fatalf("got %q, %v, want %q", ev.Data, err, want)
		}
	}
	if r.calls != 1 {
		t.Errorf("got %d reads for three events that came together, want 1", r.calls)
	}
}

func TestDecodeReadsNothingAfterAnError(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"data: a\n\n", "data: a\n\ndata: b"} {
		calls := 0
		d := core.NewDecoder(readFunc(func(p []byte) (int, error) {
			calls++
			return copy(p, text), io.ErrUnexpectedEOF
		}), core.DecoderConfig{})
		if ev, err := d.Next(); err != nil || ev.Data != "a" {
			t.Fatalf("got %q, %v, want %q", ev.Data, err, "a")
		}
		for range 2 {
			if _, err := d.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("got %v, want io.ErrUnexpectedEOF", err)
			}
		}
		if calls != 1 {
			t.Errorf("got %d reads, want none after the error of the first", calls)
		}
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func TestDecodeReaderErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	wrapped := fmt.Errorf("connection: %w", io.EOF)
	const text = "data: a\n\ndata: b\n"
	tests := []struct {
		name   string
		reader io.Reader
		events int
		want   error
	}{
		{"at once", iotest.ErrReader(broken), 0, broken},
		{"in mid-event", io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), 1, broken},
		{"with data", iotest.DataErrReader(io.MultiReader(strings.NewReader(text+"\n"), iotest.ErrReader(broken))), 2, broken},
		{"in the second read", iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(text))), 0, iotest.ErrTimeout},
		{"wrapped io.EOF", io.MultiReader(strings.NewReader(text), iotest.ErrReader(wrapped)), 1, wrapped},
		{"unexpected EOF", io.MultiReader(strings.NewReader(text), iotest.ErrReader(io.ErrUnexpectedEOF)), 1, io.ErrUnexpectedEOF},
		{"no progress", io.MultiReader(strings.NewReader(text), readFunc(func([]byte) (int, error) { return 0, nil })), 1, io.ErrNoProgress},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := core.NewDecoder(tt.reader, core.DecoderConfig{})
			for range tt.events {
				if _, err := d.Next(); err != nil {
					t.Fatalf("got error %v, want %d events first", err, tt.events)
				}
			}
			for range 2 {
				//nolint:errorlint // the very error is promised
				if ev, err := d.Next(); err != tt.want || ev != (core.Event{}) {
					t.Errorf("got %v, %v, want the zero event and %v", ev, err, tt.want)
				}
			}
			pairs := 0
			for ev, err := range d.All() {
				//nolint:errorlint // the very error is promised
				if pairs++; err != tt.want || ev != (core.Event{}) {
					t.Errorf("All: got %v, %v, want the zero event and %v", ev, err, tt.want)
				}
			}
			if pairs != 1 {
				t.Errorf("All: got %d pairs, want the error once", pairs)
			}
		})
	}
}

func TestDecodeInvalidCount(t *testing.T) {
	t.Parallel()
	for _, n := range []int{-1, 1 << 30} {
		d := core.NewDecoder(readFunc(func([]byte) (int, error) { return n, nil }), core.DecoderConfig{})
		if _, err := d.Next(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("count of %d: got error %v, want another", n, err)
		}
	}
}

func TestDecoderAll(t *testing.T) {
	t.Parallel()
	d := core.NewDecoder(strings.NewReader("data: a\n\ndata: b\n\ndata: c\n\n"), core.DecoderConfig{})
	var got []string
	for ev, err := range d.All() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ev.Data)
		if len(got) == 2 {
			break
		}
	}
	for ev, err := range d.All() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ev.Data)
	}
	for ev, err := range d.All() {
		t.Errorf("after the end: got %v, %v, want nothing", ev, err)
	}
	if want := "a b c"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestDecodeAllocates is not parallel: AllocsPerRun counts for the process.
//
//nolint:paralleltest // see above
func TestDecodeAllocates(t *testing.T) {
	tests := []struct {
		name, event string
		want        float64
	}{
		{"data", "data: abc\n\n", 1},
		{"name and data", "event: stockupdate\ndata: abc\n\n", 1},
		{"name, data and id", "event: stockupdate\ndata: abc\nid: 12345\n\n", 1},
		{"lines", "data: abc\ndata: def\nid: 12345\n\n", 2},
		{"large, with id", "data: " + strings.Repeat("x", 300) + "\nid: 12345\n\n", 2},
	}
	for _, tt := range tests {
		d := core.NewDecoder(&endless{text: tt.event, left: math.MaxInt}, core.DecoderConfig{})
		got := testing.AllocsPerRun(10_000, func() {
			if _, err := d.Next(); err != nil {
				t.Fatal(err)
			}
		})
		// AllocsPerRun rounds down, so that what happens once in thousands of
		// events, or where an event straddles two reads, does not count.
		if got != tt.want {
			t.Errorf("%s: got %v allocations for each event, want %v", tt.name, got, tt.want)
		}
	}
}
