package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// fuzzDialects are the dialects of the fuzz target, by number.
var fuzzDialects = []Dialect{
	{},
	{IDFirst: true},
	{JSONData: true},
	{IDFirst: true, JSONData: true},
	NodeEventSource(),
	AISDK(),
	{Format: JSONLines},
	{Format: JSONLines, Envelope: true},
	{Format: JSONLines, Envelope: true, Text: true},
	{Format: JSONArray},
	{Format: JSONArray, Envelope: true},
}

// No dialect lets an event forge a field, a line or an item, and what is sent
// live is what is sent of a stored entry.
func FuzzDialects(f *testing.F) {
	for i := range fuzzDialects {
		f.Add(i, "1", "name", "data")
		f.Add(i, "", "", " a\r\nid: 2\n\n]\ndata: x\r")
		f.Add(i, "a\nb", "x\n", `{"a": [1,`+"\n"+`"\n"]}`)
		f.Add(i, `"},{"`, "reset", " 12")
		f.Add(i, "é", "", "\xff\xa8\x85\xd80\x85\xad\xad\xd8")
		f.Add(i, "é", "", "\xff{}\u2028\x00 مرحبا 👩‍🚀")
	}
	f.Fuzz(func(t *testing.T, number int, id, name, data string) {
		d := fuzzDialects[uint(number)%uint(len(fuzzDialects))]
		w, err := newWire(d)
		if err != nil {
			t.Fatalf("dialect %d: %v", number, err)
		}
		ev := Event{ID: id, Name: name, Data: data}
		before := []byte("before")
		out, err := w.appendEvent(before, ev, 0)
		if _, want := AppendEvent(nil, ev); (want == nil) != (err == nil) {
			t.Fatalf("error: got %v, want %v", err, want)
		}
		if err != nil {
			if !errors.As(err, new(*FieldError)) || !bytes.Equal(out, before) {
				t.Fatalf("got %q and %v, want nothing but a FieldError", out, err)
			}
			return
		}
		sent := out[len(before):]
		checkSent(t, w, ev, sent)
		body, err := appendBody(nil, ev)
		if err != nil {
			t.Fatalf("body: %v", err)
		}
		if id == "" || w.Format == JSONArray {
			return // a stored event has an ID, and a subscription sends no array
		}
		entry := Record{Channel: "a", ID: id, Body: body}.At(Position{Epoch: 1, Seq: 1}, time.Time{})
		if got := w.frame(entry, false); !bytes.Equal(got, sent) && utf8.ValidString(data) {
			t.Fatalf("entry: got %q, want %q", got, sent)
		}
		checkSent(t, w, ev, w.frame(entry, false))
	})
}

// checkSent checks that the bytes are the event, all of it and nothing else.
func checkSent(t *testing.T, w *wire, ev Event, sent []byte) {
	t.Helper()
	text := strings.ReplaceAll(strings.ReplaceAll(ev.Data, "\r\n", "\n"), "\r", "\n")
	text = decodeUTF8([]byte(text))
	if w.Format == EventStream {
		dec := NewDecoder(bytes.NewReader(sent), DecoderConfig{})
		got, err := dec.Next()
		if err != nil || got.ID != ev.ID || got.Name != ev.Name {
			t.Fatalf("got %+v and %v, want %+v in %q", got, err, ev, sent)
		}
		if _, err := dec.Next(); err != io.EOF { //nolint:errorlint // The reader's own.
			t.Fatalf("after the event: got %v, want io.EOF in %q", err, sent)
		}
		if w.JSONData {
			checkJSON(t, w, text, []byte(got.Data))
		} else if got.Data != text {
			t.Fatalf("data: got %q, want %q", got.Data, text)
		}
		return
	}
	line, ended := bytes.CutSuffix(sent, []byte("\n"))
	if !ended || bytes.ContainsAny(line, "\r\n") {
		t.Fatalf("got %q, want one line", sent)
	}
	if !w.Envelope {
		checkJSON(t, w, text, line)
		return
	}
	var item struct {
		ID    string          `json:"id"`
		Event string          `json:"event"`
		Data  json.RawMessage `json:"data"`
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&item); err != nil || item.ID != ev.ID || item.Event != ev.Name || dec.More() {
		t.Fatalf("got %+v and %v, want %+v in %q", item, err, ev, line)
	}
	checkJSON(t, w, text, item.Data)
}

// checkJSON checks that a value stands for text: a string, or JSON that means the
// same.
func checkJSON(t *testing.T, w *wire, text string, value []byte) {
	t.Helper()
	var got string
	if json.Unmarshal(value, &got) == nil && (got == text || w.Text) {
		if got != text {
			t.Fatalf("text: got %q, want %q", got, text)
		}
		return
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(text)); err != nil || w.Text || !bytes.Equal(compact.Bytes(), value) {
		t.Fatalf("got %q, want %q as JSON", value, text)
	}
}
