package core_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// arrived returns the event as a client receives it. Its data and retry may
// differ from those that were sent: see [core.Event].
func arrived(ev core.Event) core.Event {
	ev.Key = ""
	ev.Data = string(referenceUTF8([]byte(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(ev.Data))))
	up := ev.Retry.Truncate(time.Millisecond)
	if up < ev.Retry && up <= math.MaxInt64-time.Millisecond {
		up += time.Millisecond
	}
	ev.Retry = up
	return ev
}

// encode appends the event. If AppendEvent refuses it, encode checks that the
// event is invalid and that dst is unchanged.
func encode(t *testing.T, dst []byte, ev core.Event) ([]byte, bool) {
	t.Helper()
	out, err := core.AppendEvent(bytes.Clone(dst), ev)
	ok := len(ev.ID) <= core.MaxIDBytes && strings.Trim(ev.ID, " ") == ev.ID &&
		!strings.ContainsFunc(ev.ID, func(r rune) bool { return r < ' ' || r == 0x7f }) && !strings.ContainsAny(ev.Name, "\r\n") &&
		string(referenceUTF8([]byte(ev.ID))) == ev.ID && string(referenceUTF8([]byte(ev.Name))) == ev.Name && ev.Retry >= 0
	var fault *core.FieldError
	switch {
	case ok && err != nil:
		t.Fatalf("%+q: got error %v, want none", ev, err)
	case !ok && !errors.As(err, &fault):
		t.Fatalf("%+q: got error %v, want a *FieldError", ev, err)
	case !ok && !bytes.Equal(out, dst):
		t.Fatalf("%+q: got %q after an error, want %q", ev, out, dst)
	}
	return out, ok
}

func addEvents(f *testing.F) {
	f.Helper()
	for _, ev := range []core.Event{
		{},
		{ID: "1", Name: "n", Data: "a", Retry: time.Second},
		{ID: "1\ndata: forged", Data: "a"},
		{ID: "1\rretry: 1", Data: "a"},
		{ID: "1\x00", Data: "a"},
		{Name: "n\nid: 9", Data: "a"},
		{Name: "n\r\rdata: forged", Data: "a"},
		{Data: "a\revent: forged"},
		{Data: "a\n\nid: 9\n\n"},
		{Data: "a\r\n\r\ndata: b"},
		{ID: " 1", Name: "  n", Data: " a\n  b\n:c"},
		{ID: "\ufeff", Name: "\ufeff", Data: "\ufeff"},
		{Data: "\xff\xe2\x82\n\xac", Retry: 1},
		{Data: "\n", Retry: math.MaxInt64},
		{Data: strings.Repeat("x", 5000), ID: "1"},
	} {
		f.Add(ev.ID, ev.Name, ev.Data, int64(ev.Retry), ev.Data)
	}
}

func FuzzEncodeCannotForge(f *testing.F) {
	addEvents(f)
	before := core.Event{ID: "before", Name: "b", Data: "1\n2", Retry: time.Second}
	after := core.Event{ID: "after", Name: "a", Data: "3"}
	f.Fuzz(func(t *testing.T, id, name, data string, retry int64, comment string) {
		ev := core.Event{ID: id, Name: name, Data: data, Retry: time.Duration(retry), Key: data}
		stream, _ := encode(t, nil, before)
		stream, ok := encode(t, stream, ev)
		stream = core.AppendComment(stream, comment)
		stream, _ = encode(t, stream, after)

		var want trace
		want = append(want, eventLine(before, before.ID))
		if ok {
			last := id
			if id == "" {
				last = before.ID
			}
			ev = arrived(ev)
			want = append(want, eventLine(ev, last))
		}
		for line := range strings.SplitSeq(arrived(core.Event{Data: comment}).Data, "\n") {
			want = append(want, commentLine(line))
		}
		want = append(want, eventLine(after, after.ID))
		if ok && ev.Retry > 0 {
			want = append(want, endLine(io.EOF, after.ID, ev.Retry, true))
		} else {
			want = append(want, endLine(io.EOF, after.ID, before.Retry, true))
		}
		if got := reference(stream); got.String() != want.String() {
			t.Errorf("the standard gives\n%v\nwant\n%v", got, want)
		}
		if got := decode(bytes.NewReader(stream), core.DecoderConfig{}); got.String() != want.String() {
			t.Errorf("got\n%v\nwant\n%v", got, want)
		}
	})
}

func FuzzRoundTrip(f *testing.F) {
	addEvents(f)
	f.Fuzz(func(t *testing.T, id, name, data string, retry int64, key string) {
		ev := core.Event{ID: id, Name: name, Data: data, Retry: time.Duration(retry), Key: key}
		stream, ok := encode(t, nil, ev)
		if !ok {
			return
		}
		d := core.NewDecoder(bytes.NewReader(stream), core.DecoderConfig{MaxLine: math.MaxInt, MaxEvent: math.MaxInt})
		got, err := d.Next()
		if want := arrived(ev); err != nil || got != want {
			t.Fatalf("got %+q, %v, want %+q", got, err, want)
		}
		again, ok := encode(t, nil, got)
		if !ok || !bytes.Equal(again, stream) && arrived(ev) == ev {
			t.Errorf("the second time: got %q, %v, want %q", again, ok, stream)
		}
		if _, err = d.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("after the event: got %v, want io.EOF", err)
		}
	})
}

func FuzzDecodeChunks(f *testing.F) {
	for _, stream := range []string{
		"",
		"\ufeffdata: a\n\n",
		"\ufeff\ufeffdata: a\n\ndata: b\n\n",
		"\xef\xbb",
		"data: a\r\n\r\ndata: b\r\rdata: c\n\n",
		"id: 1\x00\nid: 2\nevent: n\nretry: 10\ndata:  a\ndata\n\n: c\nid\n\ndata: b\nid: 3",
		"retry: 99999999999999999999\nretry: x\ndata: \xe2\x82\r\xac\r\n\r",
		"data: " + strings.Repeat("x", 5000) + "\nid: 1\n\n",
		strings.Repeat("event: n\ndata: a\nid: 1\n\n", 300),
		"data: a\n: comment\r\nunknown: x\rid: 1\x00234567\nretry: x234567\ndata\n\n",
		"x" + strings.Repeat(":", 5000) + "\nid: 1\x00" + strings.Repeat("x", 9000) + "\ndata: b\n\n",
	} {
		f.Add([]byte(stream), []byte{1}, uint16(0), uint16(0))
		f.Add([]byte(stream), []byte{0, 2, 1}, uint16(8), uint16(3))
	}
	f.Fuzz(func(t *testing.T, stream, sizes []byte, maxLine, maxEvent uint16) {
		r := &chunks{data: stream, sizes: []int{1}}
		for _, size := range sizes {
			r.sizes = append(r.sizes, int(size))
		}
		if len(r.sizes) > 50 {
			r.sizes = r.sizes[:50] // more empty reads in a row are no progress
		}
		whole := decode(bytes.NewReader(stream), core.DecoderConfig{})
		if want := reference(stream); whole.String() != want.String() {
			t.Errorf("got\n%v\nwant\n%v", whole, want)
		}
		if got := decode(r, core.DecoderConfig{}); got.String() != whole.String() {
			t.Errorf("in chunks of %v: got\n%v\nwant\n%v", r.sizes, got, whole)
		}

		limits := core.DecoderConfig{MaxLine: int(maxLine), MaxEvent: int(maxEvent)}
		r.data, r.turn = stream, 0
		whole = decode(bytes.NewReader(stream), limits)
		if got := decode(r, limits); got.String() != whole.String() {
			t.Errorf("with limits, in chunks of %v: got\n%v\nwant\n%v", r.sizes, got, whole)
		}
		// What was left out of the input, to stay within the limits, had no
		// effect.
		if got, want := whole.withoutComments(), reference(stream).withoutComments(); strings.Contains(got, "\nend EOF") && got != want {
			t.Errorf("with limits: got\n%s\nwant\n%s", got, want)
		}
	})
}
