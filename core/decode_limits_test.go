package core_test

import (
	"errors"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
)

func TestDecodeLimits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, stream string
		cfg          core.DecoderConfig
		want         *core.SizeError // nil for none
		events       int
	}{
		{"line at the limit", "data: 2345\n\ndata: 2345\n\n", core.DecoderConfig{MaxLine: 10}, nil, 2},
		{"line at the limit, CRLF", "data: 2345\r\n\r\n", core.DecoderConfig{MaxLine: 10}, nil, 1},
		{"line over the limit", "data: 2345\n\ndata: 23456\n\n", core.DecoderConfig{MaxLine: 10}, &core.SizeError{What: "line", Limit: 10}, 1},
		{"line over the limit, no end", "data: 23456", core.DecoderConfig{MaxLine: 10}, &core.SizeError{What: "line", Limit: 10}, 0},
		{"line at the limit, no end", "data: 2345", core.DecoderConfig{MaxLine: 10}, nil, 0},
		{"BOM does not count", "\ufeffdata: 2345\n\n", core.DecoderConfig{MaxLine: 10}, nil, 1},
		{"BOM, line over the limit", "\ufeffdata: 23456\n\n", core.DecoderConfig{MaxLine: 10}, &core.SizeError{What: "line", Limit: 10}, 0},
		{"BOM, limit of 1", "\ufeff:\n", core.DecoderConfig{MaxLine: 1}, nil, 0},
		{"comment over the limit", ":2345678901\n", core.DecoderConfig{MaxLine: 10}, nil, 0},
		{"field of another name over the limit", "x2345678901\n", core.DecoderConfig{MaxLine: 10}, nil, 0},
		{"name over the limit", "event: 8901\n", core.DecoderConfig{MaxLine: 10}, &core.SizeError{What: "line", Limit: 10}, 0},
		{"id over the limit", "id: 5678901\n", core.DecoderConfig{MaxLine: 10}, &core.SizeError{What: "line", Limit: 10}, 0},
		{"digits over the limit", "retry:78901\n", core.DecoderConfig{MaxLine: 10}, &core.SizeError{What: "line", Limit: 10}, 0},
		{"part of a name over the limit", "dat: a\n", core.DecoderConfig{MaxLine: 2}, &core.SizeError{What: "line", Limit: 2}, 0},
		{"another name over the limit", "dax: a\n", core.DecoderConfig{MaxLine: 2}, nil, 0},
		{"line beyond the first buffer", "data: " + strings.Repeat("x", 8994) + "\n\n", core.DecoderConfig{MaxLine: 9000}, nil, 1},
		{"line beyond the first buffer, over", "data: " + strings.Repeat("x", 8995) + "\n\n", core.DecoderConfig{MaxLine: 9000}, &core.SizeError{What: "line", Limit: 9000}, 0},
		{"line at the first buffer's size", "data: " + strings.Repeat("x", 4090) + "\n\n", core.DecoderConfig{MaxLine: 4096}, nil, 1},
		{"line over the first buffer's size", "data: " + strings.Repeat("x", 4091) + "\n\n", core.DecoderConfig{MaxLine: 4096}, &core.SizeError{What: "line", Limit: 4096}, 0},
		{"default limit of a line", "data: " + strings.Repeat("x", 16<<20) + "\n\n", core.DecoderConfig{}, nil, 1},
		{"over the default limit of a line", "data: " + strings.Repeat("x", 16<<20+1) + "\n\n", core.DecoderConfig{MaxLine: -1}, &core.SizeError{What: "line", Limit: 16<<20 + 6}, 0},
		{"default limit of a line, small events", "event: " + strings.Repeat("x", 1<<20-7) + "\ndata\n\n", core.DecoderConfig{MaxEvent: 5}, nil, 1},
		{"over the default limit of a line, small events", "event: " + strings.Repeat("x", 1<<20-6) + "\ndata\n\n", core.DecoderConfig{MaxEvent: 5}, &core.SizeError{What: "line", Limit: 1 << 20}, 0},
		{"no limits", "data: 2345\n\n", core.DecoderConfig{MaxEvent: math.MaxInt}, nil, 1},

		{"event at the limit", "data: 12345\n\ndata: 12345\n\n", core.DecoderConfig{MaxEvent: 5}, nil, 2},
		{"event over the limit", "data: 12345\n\ndata: 123456\n\n", core.DecoderConfig{MaxEvent: 5}, &core.SizeError{What: "event", Limit: 5}, 1},
		{"lines at the limit", "data: 12\ndata: 45\n\n", core.DecoderConfig{MaxEvent: 5}, nil, 1},
		{"lines over the limit", "data: 12\ndata: 456\n\n", core.DecoderConfig{MaxEvent: 5}, &core.SizeError{What: "event", Limit: 5}, 0},
		{"empty lines at the limit", "data\ndata\ndata\ndata\ndata\ndata\n\n", core.DecoderConfig{MaxEvent: 5}, nil, 1},
		{"empty lines over the limit", "data\ndata\ndata\ndata\ndata\ndata\ndata\n\n", core.DecoderConfig{MaxEvent: 5}, &core.SizeError{What: "event", Limit: 5}, 0},
		{"replacements at the limit", "data: \xff\n\n", core.DecoderConfig{MaxEvent: 3}, nil, 1},
		{"replacements over the limit", "data: \xff\n\n", core.DecoderConfig{MaxEvent: 2}, &core.SizeError{What: "event", Limit: 2}, 0},
		{"names and ids do not count", "event: 123456\nid: 123456\ndata: 12345\n: 123456\n\n", core.DecoderConfig{MaxEvent: 5}, nil, 1},
		{"default limit of an event", strings.Repeat("data: "+strings.Repeat("x", 1<<21-1)+"\n", 8) + "data\n\n", core.DecoderConfig{}, nil, 1},
		{"over the default limit of an event", strings.Repeat("data: "+strings.Repeat("x", 1<<21-1)+"\n", 8) + "data\ndata\n\n", core.DecoderConfig{MaxEvent: -1}, &core.SizeError{What: "event", Limit: 16 << 20}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{1, 2, 3, 7, 4095, 4096, 4097, len(tt.stream)} {
				if size < 4095 && len(tt.stream) > 1<<16 {
					continue
				}
				d := core.NewDecoder(&chunks{data: []byte(tt.stream), sizes: []int{size}}, tt.cfg)
				events := 0
				var err error
				for _, err = range d.All() {
					if err == nil {
						events++
					}
				}
				var tooLarge *core.SizeError
				if errors.As(err, &tooLarge) != (tt.want != nil) || tt.want != nil && *tooLarge != *tt.want {
					t.Errorf("chunks of %d: got error %v, want %v", size, err, tt.want)
				}
				if events != tt.events {
					t.Errorf("chunks of %d: got %d events, want %d", size, events, tt.events)
				}
				if _, again := d.Next(); tt.want != nil && !errors.Is(again, err) {
					t.Errorf("chunks of %d: got %v afterwards, want %v again", size, again, err)
				}
			}
		})
	}
}

func TestSizeErrorMessage(t *testing.T) {
	t.Parallel()
	err := &core.SizeError{What: "line", Limit: 1024}
	if got, want := err.Error(), "tidings: line longer than 1024 bytes"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// endless reads a text over and over, until it has read as much as it may.
type endless struct {
	text string
	left int // bytes
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	for len(e.text) < 1<<10 {
		e.text += e.text // longer copies
	}
	n := 0
	for n < len(p) && n < e.left {
		c := copy(p[n:min(len(p), e.left)], e.text[e.at:])
		n += c
		e.at = (e.at + c) % len(e.text)
	}
	e.left -= n
	return n, nil
}

// TestDecodeMemory is not parallel: it measures the memory of the process.
//
//nolint:paralleltest // see above
func TestDecodeMemory(t *testing.T) {
	allocated := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.TotalAlloc
	}
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for _, text := range []string{"data: x", "event: x", "id: x", "data: é", "data: \xff"} {
		const size = 100 << 20
		r := &endless{text: text, left: size}
		held, before := live(), allocated()
		d := core.NewDecoder(r, core.DecoderConfig{MaxLine: 1 << 20})
		_, err := d.Next()
		var tooLarge *core.SizeError
		if !errors.As(err, &tooLarge) {
			t.Errorf("100 MB in a line of %q: got %v, want a *SizeError", text, err)
		}
		if read := size - r.left; read > 1<<20+1 {
			t.Errorf("100 MB in a line of %q: got %d bytes read, want no more than the limit and one", text, read)
		}
		if got := allocated() - before; got > 4<<20 {
			t.Errorf("100 MB in a line of %q: got %d bytes allocated, want no more than 4 MiB", text, got)
		}
		if after := live(); after > held+64<<10 {
			t.Errorf("100 MB in a line of %q: got %d bytes kept after the error, want next to none", text, after-held)
		}
		runtime.KeepAlive(d)
	}

	// A line without end that stays within its limit, in lines that do not
	// belong to an event, and in empty reads of data: nothing may pile up.
	for _, text := range []string{": comment\n", "x\n", "event: x\n", "id: 1\n", "retry: 1\n", "\n", "\r", "id: 1\n\n"} {
		r := &endless{text: text, left: 1 << 20}
		before := live()
		d := core.NewDecoder(r, core.DecoderConfig{})
		if _, err := d.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("many of %q: got %v, want io.EOF", text, err)
		}
		if after := live(); after > before+64<<10 {
			t.Errorf("many of %q: got %d bytes kept, want next to none", text, after-before)
		}
		runtime.KeepAlive(d)
	}

	small := "event: n\ndata: " + strings.Repeat("x", 100) + "\nid: 12345\n\n"
	large := strings.Repeat("data: "+strings.Repeat("x", 1<<20-6)+"\n", 3) + "\n"
	before := live()
	d := core.NewDecoder(io.MultiReader(
		&endless{text: small, left: 10_000 * len(small)},
		strings.NewReader(large),
		&endless{text: small, left: 10_000 * len(small)},
	), core.DecoderConfig{})
	for i := range 20_001 {
		if _, err := d.Next(); err != nil {
			t.Fatalf("got error %v, want none", err)
		}
		if i == 9_999 || i == 10_010 || i == 20_000 {
			// The large text itself is the test's: it was there before.
			if after := live(); after > before+128<<10 {
				t.Errorf("after event %d: got %d bytes kept, want no more than 128 KiB", i, after-before)
			}
		}
	}
	runtime.KeepAlive(d)
	runtime.KeepAlive(large)
}
