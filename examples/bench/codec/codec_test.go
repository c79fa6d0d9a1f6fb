package codec_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	ginsse "github.com/gin-contrib/sse"
	"github.com/launchdarkly/eventsource"
	r3labs "github.com/r3labs/sse/v2"
	gosse "github.com/tmaxmax/go-sse"

	"github.com/tidings-go/tidings/core"
)

// event is an event of any library.
type event struct{ id, name, data string }

var _ eventsource.Event = event{}

// Id implements [eventsource.Event].
//
//nolint:revive // The interface spells it so.
func (e event) Id() string { return e.id }

// Event implements [eventsource.Event].
func (e event) Event() string { return e.name }

// Data implements [eventsource.Event].
func (e event) Data() string { return e.data }

// inputs are what is encoded and decoded.
func inputs() map[string][]event {
	one := func(n int, data string) []event {
		events := make([]event, n)
		for i := range events {
			events[i] = event{id: fmt.Sprintf("%08d", i), name: "update", data: data}
		}
		return events
	}
	return map[string][]event{
		"token":  one(1000, `{"delta":" word"}`),
		"stock":  one(1000, `{"stock":"IBM","value":567.29,"pad":"`+strings.Repeat("x", 91)+`"}`),
		"lines":  one(100, strings.TrimSuffix(strings.Repeat(strings.Repeat("y", 79)+"\n", 50), "\n")),
		"single": one(10, strings.Repeat("z", 60_000)),
	}
}

// stream encodes events, the plain way that every decoder knows.
func stream(events []event) []byte {
	var b bytes.Buffer
	for _, e := range events {
		fmt.Fprintf(&b, "id: %s\nevent: %s\n", e.id, e.name)
		for line := range strings.SplitSeq(e.data, "\n") {
			fmt.Fprintf(&b, "data: %s\n", line)
		}
		b.WriteString("\n")
	}
	return b.Bytes()
}

// decoders count the events of a stream, and the bytes of their data.
func decoders() map[string]func(r io.Reader) (events, data int, err error) {
	return map[string]func(r io.Reader) (int, int, error){
		"tidings": func(r io.Reader) (n, data int, err error) {
			d := core.NewDecoder(r, core.DecoderConfig{})
			for {
				ev, err := d.Next()
				if errors.Is(err, io.EOF) {
					return n, data, nil
				}
				if err != nil {
					return n, data, err
				}
				n++
				data += len(ev.Data)
			}
		},
		"go-sse": func(r io.Reader) (n, data int, err error) {
			for ev, err := range gosse.Read(r, nil) {
				if err != nil {
					return n, data, err
				}
				n++
				data += len(ev.Data)
			}
			return n, data, nil
		},
		"launchdarkly": func(r io.Reader) (n, data int, err error) {
			d := eventsource.NewDecoder(r)
			for {
				ev, err := d.Decode()
				if errors.Is(err, io.EOF) {
					return n, data, nil
				}
				if err != nil {
					return n, data, err
				}
				n++
				data += len(ev.Data())
			}
		},
		// Only finds where events end: reading their fields is not exported.
		"r3labs-split-only": func(r io.Reader) (n, _ int, err error) { //nolint:unparam // The others know the size.
			d := r3labs.NewEventStreamReader(r, 1<<20)
			for {
				block, err := d.ReadEvent()
				if errors.Is(err, io.EOF) {
					return n, -1, nil
				}
				if err != nil {
					return n, -1, err
				}
				if len(block) > 0 {
					n++
				}
			}
		},
	}
}

// check reports whether a decoder found what is in the input.
func check(tb testing.TB, events []event, n, data int, err error) {
	tb.Helper()
	want := 0
	for _, e := range events {
		want += len(e.data)
	}
	if err != nil || n != len(events) || (data >= 0 && data != want) {
		tb.Fatalf("got %d events with %d bytes, %v, want %d with %d", n, data, err, len(events), want)
	}
}

func TestDecodersAgree(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(inputs())) {
		events := inputs()[name]
		for _, who := range slices.Sorted(maps.Keys(decoders())) {
			decode := decoders()[who]
			t.Run(name+"/"+who, func(t *testing.T) {
				t.Parallel()
				n, data, err := decode(bytes.NewReader(stream(events)))
				check(t, events, n, data, err)
			})
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(inputs())) {
		events := inputs()[name]
		input := stream(events)
		for _, who := range slices.Sorted(maps.Keys(decoders())) {
			decode := decoders()[who]
			b.Run(name+"/"+who, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(input)))
				for b.Loop() {
					n, data, err := decode(bytes.NewReader(input))
					check(b, events, n, data, err)
				}
			})
		}
	}
}

// encoders write an event, with a buffer that is there already. What r3labs
// does is not exported.
func encoders() map[string]func(b *bytes.Buffer, e event) error {
	return map[string]func(b *bytes.Buffer, e event) error{
		"tidings": func(b *bytes.Buffer, e event) error {
			frame, err := core.AppendEvent(b.AvailableBuffer(), core.Event{ID: e.id, Name: e.name, Data: e.data})
			b.Write(frame)
			return err
		},
		"go-sse": func(b *bytes.Buffer, e event) error {
			m := &gosse.Message{}
			m.ID, m.Type = gosse.ID(e.id), gosse.Type(e.name)
			m.AppendData(e.data)
			_, err := m.WriteTo(b)
			return err
		},
		"launchdarkly": func(b *bytes.Buffer, e event) error {
			return eventsource.NewEncoder(b, false).Encode(e)
		},
		// What Gin's own c.SSEvent uses.
		"gin-contrib": func(b *bytes.Buffer, e event) error {
			return ginsse.Encode(b, ginsse.Event{Id: e.id, Event: e.name, Data: e.data})
		},
	}
}

func TestEncodersAgree(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(inputs())) {
		events := inputs()[name]
		for _, who := range slices.Sorted(maps.Keys(encoders())) {
			encode := encoders()[who]
			t.Run(name+"/"+who, func(t *testing.T) {
				t.Parallel()
				var b bytes.Buffer
				for _, e := range events {
					if err := encode(&b, e); err != nil {
						t.Fatal(err)
					}
				}
				n, data, err := decoders()["tidings"](&b)
				check(t, events, n, data, err)
			})
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(inputs())) {
		events := inputs()[name]
		size := len(stream(events[:1]))
		for _, who := range slices.Sorted(maps.Keys(encoders())) {
			encode := encoders()[who]
			b.Run(name+"/"+who, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(size))
				var buffer bytes.Buffer
				for b.Loop() {
					buffer.Reset()
					if err := encode(&buffer, events[0]); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
