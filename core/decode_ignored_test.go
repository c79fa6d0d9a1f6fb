package core_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// ignoredLines returns lines without effect, of any length: how each begins,
// and what it repeats.
func ignoredLines() []struct{ begin, repeats string } {
	return []struct{ begin, repeats string }{
		{"", ":"},
		{"", "x"},
		{"", "é"},
		{"", "\xff"},
		{"", "data"},
		{"datas: ", "x"},
		{"eventually", ": x"},
		{" data: ", "x"},
		{"Data: ", "x"},
		{"id: 7\x00", "x"},
		{"id:\x00", "\x00"},
		{"retry: 7", "x"},
		{"retry: ", " 7"},
		{"retry: 7", "\xff"},
		{"retries: ", "7"},
	}
}

// TestDecodeIgnored checks that what the standard ignores takes no memory, and
// does not end a stream, however long a line it is.
//
//nolint:paralleltest // It measures what the process allocates.
func TestDecodeIgnored(t *testing.T) {
	for _, line := range ignoredLines() {
		for _, cfg := range []core.DecoderConfig{{}, {MaxLine: 10}, {MaxLine: 4096}} {
			size := 17 << 20 // the default limit is 16 MiB
			if cfg.MaxLine > 0 {
				size = 1 << 20
			}
			name := fmt.Sprintf("%.20q and %q, MaxLine %d", line.begin, line.repeats, cfg.MaxLine)
			r := io.MultiReader(
				strings.NewReader("id: 1\nretry: 5\ndata: a\n"+line.begin),
				&endless{text: line.repeats, left: size},
				strings.NewReader("\r\ndata: b\n"+line.begin),
				&endless{text: line.repeats, left: size / 100},
				strings.NewReader("\rdata:c\n\ndata\n\n"),
			)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			d := core.NewDecoder(r, cfg)
			first, err := d.Next()
			if err != nil || first.Data != "a\nb\nc" || first.ID != "1" {
				t.Errorf("%s: got %q, ID %q and %v, want three lines and ID 1", name, first.Data, first.ID, err)
			}
			if _, err := d.Next(); err != nil {
				t.Errorf("%s: got %v, want a second event", name, err)
			}
			if retry, ok := d.Retry(); !ok || retry.Milliseconds() != 5 {
				t.Errorf("%s: got a retry of %v, want 5ms", name, retry)
			}
			if _, err := d.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("%s: got %v, want io.EOF", name, err)
			}
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 256<<10 {
				t.Errorf("%s: got %d bytes allocated, want no more than 256 KiB", name, got)
			}
		}
	}
}

// TestDecodeIgnoredInChunks checks that the limit holds at the same byte
// however a stream is cut, and that comments over it are left out whole.
func TestDecodeIgnoredInChunks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, stream, want string }{
		{"comments", ":23456789\n:234567890\n: 34567890\r\ndata\n\n", "comment \"23456789\"\nevent \"\" id \"\" last \"\" retry 0s data \"\"\nend EOF last \"\" retry 0s false"},
		{"NUL within the limit and one", "id:456789\x00.\ndata\n\n", "event \"\" id \"\" last \"\" retry 0s data \"\"\nend EOF last \"\" retry 0s false"},
		{"NUL after the limit and one", "id:4567890\x00\ndata\n\n", "end tidings: line longer than 9 bytes last \"\" retry 0s false"},
		{"letter within the limit and one", "retry:789x.\ndata\n\n", "event \"\" id \"\" last \"\" retry 0s data \"\"\nend EOF last \"\" retry 0s false"},
		{"letter after the limit and one", "retry:7890x\ndata\n\n", "end tidings: line longer than 9 bytes last \"\" retry 0s false"},
		{"cut off", "data\n\nx234567890", "event \"\" id \"\" last \"\" retry 0s data \"\"\nend EOF last \"\" retry 0s false"},
		{"BOM", "\ufeffx234567890\n\ndata\n\n", "event \"\" id \"\" last \"\" retry 0s data \"\"\nend EOF last \"\" retry 0s false"},
	} {
		for size := 1; size <= len(tt.stream); size++ {
			got := decode(&chunks{data: []byte(tt.stream), sizes: []int{size}}, core.DecoderConfig{MaxLine: 9})
			if got.String() != tt.want {
				t.Errorf("%s, chunks of %d: got\n%v\nwant\n%s", tt.name, size, got, tt.want)
			}
		}
	}
}

// BenchmarkDecoderIgnored takes the time of a line of 1 MiB that is ignored.
func BenchmarkDecoderIgnored(b *testing.B) {
	for _, begin := range []string{":", "x", "id: \x00", "retry: x"} {
		b.Run(fmt.Sprintf("%q", begin), func(b *testing.B) {
			text := []byte(begin + strings.Repeat("x", 1<<20) + "\ndata\n\n")
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := core.NewDecoder(bytes.NewReader(text), core.DecoderConfig{}).Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
