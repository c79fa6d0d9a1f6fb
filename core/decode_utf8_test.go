package core_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
)

func TestDecodeUTF8(t *testing.T) {
	t.Parallel()
	// The examples of the Unicode standard, section 3.9, tables 3-8 to 3-11,
	// and what the standard library would decode otherwise.
	const r = "\uFFFD"
	tests := []struct{ name, in, want string }{
		{"valid", "aé€😀\uFFFD\uFEFF\x7F", "aé€😀\uFFFD\uFEFF\x7F"},
		{"not shortest", "\xC0\xAF\xE0\x80\xBF\xF0\x81\x82A", strings.Repeat(r, 8) + "A"},
		{"surrogates", "\xED\xA0\x80\xED\xBF\xBF\xED\xAFA", strings.Repeat(r, 8) + "A"},
		{"other ill-formed", "\xF4\x91\x92\x93\xFFA\x80\xBFB", strings.Repeat(r, 5) + "A" + r + r + "B"},
		{"truncated", "\xE1\x80\xE2\xF0\x91\x92\xF1\xBFA", r + r + r + r + "A"},
		{"cut off by the line's end", "a\xF0\x9F\x98", "a" + r},
		{"cut off by a character", "\xF0\x9F\x98é\xE2\x82€", r + "é" + r + "€"},
		{"run", "\xFF\xFE\xFF", r + r + r},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := core.NewDecoder(strings.NewReader("data: "+tt.in+"\n\n"), core.DecoderConfig{})
			ev, err := d.Next()
			if err != nil || ev.Data != tt.want {
				t.Errorf("got %+q, %v, want %+q", ev.Data, err, tt.want)
			}
			if want := string(referenceUTF8([]byte(tt.in))); ev.Data != want {
				t.Errorf("got %+q, the Encoding standard gives %+q", ev.Data, want)
			}
		})
	}
}

// TestDecodeUTF8Exhaustively goes through all sequences of four of the bytes at
// which the Encoding standard's decoder decides.
func TestDecodeUTF8Exhaustively(t *testing.T) {
	t.Parallel()
	const edges = "a\x80\x8F\x90\x9F\xA0\xBF\xC1\xC2\xDF\xE0\xE1\xED\xEE\xEF\xF0\xF1\xF4\xF5\xFF"
	var stream bytes.Buffer
	var want []string
	n := len(edges)
	for i := range n * n * n * n {
		text := []byte{edges[i%n], edges[i/n%n], edges[i/n/n%n], edges[i/n/n/n]}
		stream.WriteString("data: ")
		stream.Write(text)
		stream.WriteString("\n\n")
		want = append(want, string(referenceUTF8(text)))
	}
	d := core.NewDecoder(&stream, core.DecoderConfig{})
	for _, want := range want {
		ev, err := d.Next()
		if err != nil || ev.Data != want {
			t.Fatalf("got %+q, %v, want %+q", ev.Data, err, want)
		}
	}
}
