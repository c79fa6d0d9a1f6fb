package core

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxIDBytes is the maximum length of an ID, in bytes. A client sends the ID
// back in a request header, whose length servers and proxies limit.
const MaxIDBytes = 1024

// FieldError reports an event that cannot be sent because of one of its
// fields. It never holds the field's value, which may be a secret or a
// client's text.
type FieldError struct {
	Field  string // "id", "name" or "retry"
	Reason string // what is wrong with it, for example "contains a line break"
}

// Error returns the field and the reason, without the field's value.
func (e *FieldError) Error() string {
	return "tidings: event " + e.Field + ": " + e.Reason
}

// AppendEvent appends the event to dst in the format of sections 9.2.5 and
// 9.2.6, and returns the extended slice. The lines are event, retry, one data
// line for each line of data, id and a blank one. The id comes last because
// some clients store it as soon as they read it: a client that is cut off
// within an event then still asks for that event again.
//
// If a field cannot be sent, the error is a [*FieldError] and dst is returned
// as it was. AppendEvent allocates only where dst has no room; it keeps neither
// dst nor the event, and is safe for concurrent use on different slices.
func AppendEvent(dst []byte, ev Event) ([]byte, error) {
	if err := CheckID(ev.ID); err != nil {
		return dst, err
	}
	out, err := appendBody(dst, ev)
	if err != nil {
		return dst, err
	}
	return appendTrailer(out, ev.ID), nil
}

// AppendComment appends a comment of one or more lines, and a blank line that
// keeps it apart from what follows, and returns the extended slice. CR, LF and
// CRLF each end a line of the text. Clients ignore comments (section 9.2.6),
// which makes them good heartbeats (section 9.2.7).
func AppendComment(dst []byte, text string) []byte {
	return append(appendLines(dst, ": ", text), '\n')
}

// AppendRetry appends a block that sets the client's reconnection time to d,
// rounded up to milliseconds, and dispatches no event (section 9.2.6). It
// returns the extended slice. It appends nothing if d is zero or negative.
func AppendRetry(dst []byte, d time.Duration) []byte {
	if d <= 0 {
		return dst
	}
	return append(appendRetryLine(dst, d), '\n')
}

// AppendLastEventID appends a block that sets the client's last event ID and
// dispatches no event, its data being empty (section 9.2.6). It returns the
// extended slice. An empty ID makes the client forget the one it has.
//
// If [CheckID] refuses the ID, that is the error and dst is returned as it was.
func AppendLastEventID(dst []byte, id string) ([]byte, error) {
	if err := CheckID(id); err != nil {
		return dst, err
	}
	return append(appendIDLine(dst, id), '\n'), nil
}

// CheckID returns nil if an ID can be sent, and sent back: a client returns it
// in the header field Last-Event-ID (section 9.2.3), and HTTP carries no
// control characters in a field and drops spaces at its ends (RFC 9110, section
// 5.5). The error is a [*FieldError] for an ID that is longer than
// [MaxIDBytes], holds a control character (below U+0020, or DEL), begins or
// ends with a space, or is not valid UTF-8. The empty ID is valid: it means no
// ID.
func CheckID(id string) error {
	if len(id) > MaxIDBytes {
		return &FieldError{Field: "id", Reason: "longer than " + strconv.Itoa(MaxIDBytes) + " bytes"}
	}
	if err := checkText("id", id); err != nil {
		return err
	}
	if strings.HasPrefix(id, " ") || strings.HasSuffix(id, " ") {
		return &FieldError{Field: "id", Reason: "begins or ends with a space"}
	}
	for i := range len(id) {
		if c := id[i]; c < ' ' || c == 0x7f {
			return &FieldError{Field: "id", Reason: "contains a control character"}
		}
	}
	return nil
}

// checkText returns nil if the text is valid on a field's line.
func checkText(field, text string) error {
	ascii := true
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\n' || c == '\r':
			return &FieldError{Field: field, Reason: "contains a line break"}
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	if !ascii && !utf8.ValidString(text) {
		return &FieldError{Field: field, Reason: "is not valid UTF-8"}
	}
	return nil
}

// appendBody appends all lines of an event but the id line and the blank one.
// On error dst is returned as it was.
func appendBody(dst []byte, ev Event) ([]byte, error) {
	if err := checkText("name", ev.Name); err != nil {
		return dst, err
	}
	if ev.Retry < 0 {
		return dst, &FieldError{Field: "retry", Reason: "is negative"}
	}
	dst = slices.Grow(dst, leastSize(ev))
	if ev.Name != "" {
		dst = append(dst, "event: "...)
		dst = append(dst, ev.Name...)
		dst = append(dst, '\n')
	}
	if ev.Retry > 0 {
		dst = appendRetryLine(dst, ev.Retry)
	}
	return appendLines(dst, "data: ", ev.Data), nil
}

// leastSize returns the encoded length of an event without a retry whose data
// is one line; no encoding is shorter. A buffer that holds the event is thus
// never found too small.
func leastSize(ev Event) int {
	size := len("data: \n\n") + len(ev.Data)
	if ev.Name != "" {
		size += len("event: \n") + len(ev.Name)
	}
	if ev.ID != "" {
		size += len("id: \n") + len(ev.ID)
	}
	return size
}

// appendTrailer appends the end of an event: the id line, unless the ID is
// empty, and the blank line. The ID must have passed CheckID.
func appendTrailer(dst []byte, id string) []byte {
	if id != "" {
		dst = appendIDLine(dst, id)
	}
	return append(dst, '\n')
}

func appendIDLine(dst []byte, id string) []byte {
	dst = append(dst, "id: "...)
	dst = append(dst, id...)
	return append(dst, '\n')
}

// appendRetryLine rounds up, so that no client comes back before d has passed.
func appendRetryLine(dst []byte, d time.Duration) []byte {
	ms := int64(d / time.Millisecond)
	if d%time.Millisecond > 0 {
		ms++
	}
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, ms, 10)
	return append(dst, '\n')
}

// appendLines appends prefix, line and LF for each line of the text. The
// prefixes end in a space because a decoder strips one, so that leading spaces
// of the line survive.
func appendLines(dst []byte, prefix, text string) []byte {
	// Both searches resume where they stopped: each byte is searched once for
	// CR and once for LF, whichever of them the text uses.
	lf, cr := -1, -1
	for start := 0; ; {
		lf = nextByte(text, start, lf, '\n')
		cr = nextByte(text, start, cr, '\r')
		end := min(lf, cr)
		dst = append(dst, prefix...)
		dst = append(dst, text[start:end]...)
		dst = append(dst, '\n')
		if end == len(text) {
			return dst
		}
		start = end + 1
		if end == cr && start == lf && lf < len(text) {
			start++ // a CRLF
		}
	}
}

// nextByte returns the index of the first c in text[start:], or the text's
// length. known is the result of the previous search, and still right if it is
// not less than start.
func nextByte(text string, start, known int, c byte) int {
	if known >= start {
		return known
	}
	if i := strings.IndexByte(text[start:], c); i >= 0 {
		return start + i
	}
	return len(text)
}
