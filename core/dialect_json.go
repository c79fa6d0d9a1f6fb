package core

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// appendItem appends an event as an item of a JSON format: one line, after a
// comma if other items stand before it in an array. The rules for an event's
// fields are those of [AppendEvent].
func (w *wire) appendItem(dst []byte, ev Event, items int) ([]byte, error) {
	if err := CheckID(ev.ID); err != nil {
		return dst, err
	}
	if err := checkText("name", ev.Name); err != nil {
		return dst, err
	}
	if ev.Retry < 0 {
		return dst, &FieldError{Field: "retry", Reason: "is negative"}
	}
	if w.Format == JSONArray && items > 0 {
		dst = append(dst, ',')
	}
	if !w.Envelope {
		return append(appendJSON(dst, ev.Data, w.Text), '\n'), nil
	}
	dst = append(dst, '{')
	if ev.ID != "" {
		dst = append(appendJSONString(append(dst, `"id":`...), ev.ID), ',')
	}
	if ev.Name != "" {
		dst = append(appendJSONString(append(dst, `"event":`...), ev.Name), ',')
	}
	dst = append(dst, `"data":`...)
	return append(appendJSON(dst, ev.Data, w.Text), "}\n"...), nil
}

// appendJSON appends data as a JSON value in one line: embedded if it is JSON,
// unless text, and otherwise as a string.
func appendJSON(dst []byte, data string, text bool) []byte {
	if !utf8.ValidString(data) {
		data = decodeUTF8([]byte(data))
	}
	if !text && embeds(data) {
		b := bytes.NewBuffer(dst)
		if json.Compact(b, []byte(data)) == nil {
			return b.Bytes()
		}
	}
	if strings.Contains(data, "\r") { // each kind of line break arrives as LF, as in an event stream
		data = strings.ReplaceAll(strings.ReplaceAll(data, "\r\n", "\n"), "\r", "\n")
	}
	return appendJSONString(dst, data)
}

// embeds reports whether data may be embedded, if it is JSON. Text with spaces
// around it may look like a number; it must keep them.
func embeds(data string) bool {
	trimmed := strings.Trim(data, " \t\r\n")
	switch {
	case trimmed == "":
		return false
	case trimmed[0] == '{', trimmed[0] == '[':
		return true
	}
	return len(trimmed) == len(data)
}

func appendJSONString(dst []byte, text string) []byte {
	quoted, _ := json.Marshal(text) // a string is always encoded
	return append(dst, quoted...)
}
