package core_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

func TestAppendEvent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		event core.Event
		want  string
	}{
		{"zero", core.Event{}, "data: \n\n"},
		{"data", core.Event{Data: "a"}, "data: a\n\n"},
		{"all fields, id last", core.Event{ID: "7", Name: "n", Data: "a", Retry: 3 * time.Second}, "event: n\nretry: 3000\ndata: a\nid: 7\n\n"},
		{"key stays at home", core.Event{Key: "IBM", Data: "a"}, "data: a\n\n"},
		{"LF", core.Event{Data: "a\nb"}, "data: a\ndata: b\n\n"},
		{"CR", core.Event{Data: "a\rb"}, "data: a\ndata: b\n\n"},
		{"CRLF", core.Event{Data: "a\r\nb"}, "data: a\ndata: b\n\n"},
		{"LFCR is two", core.Event{Data: "a\n\rb"}, "data: a\ndata: \ndata: b\n\n"},
		{"CRCRLF is two", core.Event{Data: "a\r\r\nb"}, "data: a\ndata: \ndata: b\n\n"},
		{"mixed", core.Event{Data: "a\rb\nc\r\nd\re"}, "data: a\ndata: b\ndata: c\ndata: d\ndata: e\n\n"},
		{"line ends at both ends", core.Event{Data: "\r\na\n"}, "data: \ndata: a\ndata: \n\n"},
		{"only a CR", core.Event{Data: "\r"}, "data: \ndata: \n\n"},
		{"only a CRLF", core.Event{Data: "\r\n"}, "data: \ndata: \n\n"},
		{"leading spaces", core.Event{ID: "i", Name: " n", Data: "  a"}, "event:  n\ndata:   a\nid: i\n\n"},
		{"colons", core.Event{ID: ":", Name: "a:b", Data: ": c"}, "event: a:b\ndata: : c\nid: :\n\n"},
		{"forgery in data", core.Event{Data: "a\n\nid: 9\revent: x"}, "data: a\ndata: \ndata: id: 9\ndata: event: x\n\n"},
		{"not UTF-8 in data", core.Event{Data: "a\xffb"}, "data: a\xffb\n\n"},
		{"NUL in name and data", core.Event{Name: "\x00", Data: "\x00"}, "event: \x00\ndata: \x00\n\n"},
		{"retry of 1 ns", core.Event{Retry: 1}, "retry: 1\ndata: \n\n"},
		{"retry of 1 ms", core.Event{Retry: time.Millisecond}, "retry: 1\ndata: \n\n"},
		{"retry of 1 ms and 1 ns", core.Event{Retry: time.Millisecond + 1}, "retry: 2\ndata: \n\n"},
		{"longest retry", core.Event{Retry: math.MaxInt64}, "retry: 9223372036855\ndata: \n\n"},
		{"longest id", core.Event{ID: strings.Repeat("i", core.MaxIDBytes)}, "data: \nid: " + strings.Repeat("i", core.MaxIDBytes) + "\n\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := core.AppendEvent([]byte("before"), tt.event)
			if err != nil {
				t.Fatalf("got error %v, want none", err)
			}
			if want := "before" + tt.want; string(got) != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestAppendEventRefuses(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	tests := []struct {
		name  string
		event core.Event
		want  core.FieldError
	}{
		{"LF in id", core.Event{ID: secret + "\n1"}, core.FieldError{Field: "id", Reason: "contains a line break"}},
		{"CR in id", core.Event{ID: secret + "\r"}, core.FieldError{Field: "id", Reason: "contains a line break"}},
		{"NUL in id", core.Event{ID: "\x00" + secret}, core.FieldError{Field: "id", Reason: "contains a control character"}},
		{"tab in id", core.Event{ID: secret + "\t1"}, core.FieldError{Field: "id", Reason: "contains a control character"}},
		{"DEL in id", core.Event{ID: secret + "\x7f"}, core.FieldError{Field: "id", Reason: "contains a control character"}},
		{"space before id", core.Event{ID: " " + secret}, core.FieldError{Field: "id", Reason: "begins or ends with a space"}},
		{"space after id", core.Event{ID: secret + " "}, core.FieldError{Field: "id", Reason: "begins or ends with a space"}},
		{"id not UTF-8", core.Event{ID: secret + "\xe2\x82"}, core.FieldError{Field: "id", Reason: "is not valid UTF-8"}},
		{"id too long", core.Event{ID: secret + strings.Repeat("x", core.MaxIDBytes-len(secret)+1)}, core.FieldError{Field: "id", Reason: "longer than 1024 bytes"}},
		{"LF in name", core.Event{Name: "\n" + secret}, core.FieldError{Field: "name", Reason: "contains a line break"}},
		{"CR in name", core.Event{Name: secret + "\rdata: x"}, core.FieldError{Field: "name", Reason: "contains a line break"}},
		{"name not UTF-8", core.Event{Name: secret + "\xff"}, core.FieldError{Field: "name", Reason: "is not valid UTF-8"}},
		{"negative retry", core.Event{Retry: -1}, core.FieldError{Field: "retry", Reason: "is negative"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.event.Data = secret
			room := []byte("before" + strings.Repeat("-", 2048))
			dst := room[:len("before")]
			got, err := core.AppendEvent(dst, tt.event)
			var fault *core.FieldError
			if !errors.As(err, &fault) || *fault != tt.want {
				t.Fatalf("got error %v, want %v", err, &tt.want)
			}
			if want := "tidings: event " + tt.want.Field + ": " + tt.want.Reason; err.Error() != want {
				t.Errorf("got message %q, want %q", err, want)
			}
			if string(got) != "before" || &got[0] != &dst[0] {
				t.Errorf("got %q, want dst as it was", got)
			}
			if rest := string(room[len("before"):]); rest != strings.Repeat("-", 2048) {
				t.Errorf("got %q behind dst, want nothing written", rest)
			}
		})
	}
}

func TestAppendComment(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"empty", "", ": \n\n"},
		{"one line", "hello", ": hello\n\n"},
		{"lines", "a\nb\rc\r\nd", ": a\n: b\n: c\n: d\n\n"},
		{"forgery", "a\n\ndata: x", ": a\n: \n: data: x\n\n"},
		{"colon first", ":", ": :\n\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, want := string(core.AppendComment([]byte("before"), tt.text)), "before"+tt.want; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestAppendRetry(t *testing.T) {
	t.Parallel()
	tests := []struct {
		d    time.Duration
		want string
	}{
		{-time.Second, ""},
		{0, ""},
		{1, "retry: 1\n\n"},
		{1500 * time.Microsecond, "retry: 2\n\n"},
		{2 * time.Second, "retry: 2000\n\n"},
	}
	for _, tt := range tests {
		if got, want := string(core.AppendRetry([]byte("before"), tt.d)), "before"+tt.want; got != want {
			t.Errorf("%v: got %q, want %q", tt.d, got, want)
		}
	}
}

func TestAppendLastEventID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "7", "é"} {
		want := "beforeid: " + id + "\n\n"
		if got, err := core.AppendLastEventID([]byte("before"), id); err != nil || string(got) != want {
			t.Errorf("%q: got %q, %v, want %q", id, got, err, want)
		}
	}
	got, err := core.AppendLastEventID([]byte("before"), "1\n")
	var fault *core.FieldError
	if !errors.As(err, &fault) || string(got) != "before" {
		t.Errorf("got %q, %v, want %q and a *FieldError", got, err, "before")
	}
}

func TestCheckID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "1", "a b:c", "é", "\ufeff", strings.Repeat("x", core.MaxIDBytes)} {
		if err := core.CheckID(id); err != nil {
			t.Errorf("%q: got %v, want no error", id, err)
		}
	}
	for _, id := range []string{"\r", "\n", "\x00", "\t", "a\x7f", " a", "a ", "\xed\xa0\x80", strings.Repeat("x", core.MaxIDBytes+1)} {
		var fault *core.FieldError
		if err := core.CheckID(id); !errors.As(err, &fault) {
			t.Errorf("%q: got %v, want a *FieldError", id, err)
		}
	}
}

// TestAppendAllocates is not parallel: AllocsPerRun counts for the process.
//
//nolint:paralleltest // see above
func TestAppendAllocates(t *testing.T) {
	ev := core.Event{ID: "42", Name: "né", Data: strings.Repeat("line\r\n", 100), Retry: time.Second}
	buf := make([]byte, 0, 4096)
	got := testing.AllocsPerRun(100, func() {
		out, err := core.AppendEvent(buf, ev)
		if err != nil || cap(out) != cap(buf) {
			t.Errorf("got a slice of capacity %d and error %v, want %d and none", cap(out), err, cap(buf))
		}
		if out, err = core.AppendLastEventID(out, ev.ID); err != nil {
			t.Errorf("got error %v, want none", err)
		}
		core.AppendRetry(core.AppendComment(out, ev.Data), time.Second)
	})
	if got != 0 {
		t.Errorf("got %v allocations into a buffer with room, want 0", got)
	}

	for _, ev := range []core.Event{{}, {ID: "1"}, {Name: "n"}, {Data: "a"}, {Retry: 1}, ev} {
		full, err := core.AppendEvent(nil, ev)
		if err != nil {
			t.Fatal(err)
		}
		exact := make([]byte, 0, len(full))
		got := testing.AllocsPerRun(100, func() {
			if out, _ := core.AppendEvent(exact, ev); cap(out) != cap(exact) {
				t.Errorf("got a slice of capacity %d, want %d", cap(out), cap(exact))
			}
		})
		if got != 0 {
			t.Errorf("%+v: got %v allocations into a buffer of just the room, want 0", ev, got)
		}
	}
}
