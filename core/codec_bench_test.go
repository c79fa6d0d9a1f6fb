package core_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// stock is about 130 bytes on the wire, report about 1,300 in twenty lines.
func stock() core.Event {
	return core.Event{ID: "0123456789-42", Name: "stockupdate", Data: `{"stock":"IBM","value":567.29,"time":"2025-01-01T00:00:00Z","volume":123456}`}
}

func report() core.Event {
	return core.Event{ID: "0123456789-42", Name: "report", Data: strings.TrimSuffix(strings.Repeat(strings.Repeat("line of data ", 5)[:59]+"\n", 20), "\n")}
}

func BenchmarkAppendEvent(b *testing.B) {
	for _, bb := range []struct {
		name  string
		event core.Event
	}{{"line", stock()}, {"lines", report()}} {
		b.Run(bb.name, func(b *testing.B) {
			want, err := core.AppendEvent(nil, bb.event)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(want)))
			b.ReportAllocs()
			buf := make([]byte, 0, len(want))
			for b.Loop() {
				if buf, err = core.AppendEvent(buf[:0], bb.event); err != nil {
					b.Fatal(err)
				}
			}
			if !bytes.Equal(buf, want) {
				b.Errorf("got %q, want %q", buf, want)
			}
		})
	}
}

// BenchmarkDecoder takes the time of one event in a stream of a thousand.
func BenchmarkDecoder(b *testing.B) {
	for _, bb := range []struct {
		name  string
		event core.Event
		ends  string
	}{{"line", stock(), "\n"}, {"lines", report(), "\n"}, {"CRLF", stock(), "\r\n"}, {"CR", stock(), "\r"}} {
		b.Run(bb.name, func(b *testing.B) {
			one, err := core.AppendEvent(nil, bb.event)
			if err != nil {
				b.Fatal(err)
			}
			one = bytes.ReplaceAll(one, []byte("\n"), []byte(bb.ends))
			thousand := bytes.Repeat(one, 1000)
			stream := bytes.NewReader(thousand)
			b.SetBytes(int64(len(one)))
			b.ReportAllocs()
			d := core.NewDecoder(stream, core.DecoderConfig{})
			for b.Loop() {
				ev, err := d.Next()
				if errors.Is(err, io.EOF) {
					stream.Reset(thousand)
					d = core.NewDecoder(stream, core.DecoderConfig{})
					ev, err = d.Next()
				}
				if err != nil || len(ev.Data) != len(bb.event.Data) {
					b.Fatalf("got %q, %v, want %q", ev.Data, err, bb.event.Data)
				}
			}
		})
	}
}
