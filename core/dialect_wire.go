package core

import (
	"errors"
	"slices"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// wire is a dialect as a gate uses it. It is immutable.
type wire struct {
	Dialect

	stored    bool   // entries are sent as they are stored
	heartbeat []byte // sent on a silent stream
	closing   []byte // sent at the end of a stream that ended in order
}

// newWire returns an error if the dialect's own events cannot be sent.
func newWire(d Dialect) (*wire, error) {
	w := &wire{Dialect: d, stored: d.Format == EventStream && !d.IDFirst && !d.JSONData}
	w.Header = sendable(d.Header)
	if d.PositionEvent.Name == "" && d.PositionEvent.Data == "" {
		w.PositionEvent.Name = "position"
		if d.Format != EventStream || d.JSONData {
			w.PositionEvent.Data = "null"
		}
	}
	if d.Format != EventStream && !d.Envelope {
		w.Position = NoPosition
		w.EndOnReset = d.EndOnReset || d.Reset == nil
	}
	_, err := w.appendEvent(nil, Event{Name: w.PositionEvent.Name, Data: w.PositionEvent.Data}, 0)
	if err != nil {
		return nil, err
	}
	if w.heartbeat, err = w.heartbeats(); err != nil {
		return nil, err
	}
	switch {
	case d.Format == JSONArray:
		w.closing = []byte("]\n")
	case d.Last == "":
	case d.Format == JSONLines:
		w.closing = append(appendJSON(nil, d.Last, false), '\n')
	default:
		w.closing = append(appendLines(nil, "data: ", d.Last), '\n')
	}
	return w, nil
}

// heartbeats returns what is sent on a silent stream.
func (w *wire) heartbeats() ([]byte, error) {
	beat := Event{Name: w.Heartbeat.Name, Data: w.Heartbeat.Data}
	switch {
	case w.Format != JSONArray && beat != Event{}:
		return w.appendEvent(nil, beat, 0)
	case w.Format == EventStream:
		return AppendComment(nil, ""), nil
	default:
		return []byte("\n"), nil
	}
}

// wire returns the dialect of the stream.
func (s *Stream) wire() *wire { return s.gate.wires[s.dialect] }

// appendEvent appends an event. items is the number of events that stand before
// it in the stream's body. On error, dst is returned as it was.
func (w *wire) appendEvent(dst []byte, ev Event, items int) ([]byte, error) {
	switch {
	case w.stored:
		return AppendEvent(dst, ev)
	case w.Format != EventStream:
		return w.appendItem(dst, ev, items)
	case w.JSONData:
		ev.Data = string(appendJSON(nil, ev.Data, false))
	}
	if !w.IDFirst {
		return AppendEvent(dst, ev)
	}
	if err := CheckID(ev.ID); err != nil {
		return dst, err
	}
	out := dst
	if ev.ID != "" {
		out = appendIDLine(out, ev.ID)
	}
	out, err := appendBody(out, ev)
	if err != nil {
		return dst, err
	}
	return append(out, '\n'), nil
}

// appendEntry appends an entry, for a dialect that is not stored.
func (w *wire) appendEntry(dst []byte, e *Entry) []byte {
	frame := e.Frame()
	if w.Format == EventStream && !w.JSONData {
		body := len(e.Record().Body)
		dst = append(dst, frame[body:len(frame)-1]...)
		dst = append(dst, frame[:body]...)
		return append(dst, '\n')
	}
	dst, _ = w.appendEvent(dst, decodeFrame(frame), 1) // the event was sent before it was stored
	return dst
}

// frame returns what is sent of an entry.
func (w *wire) frame(e *Entry, chunked bool) []byte {
	switch {
	case w.stored && chunked:
		return e.Chunk()
	case w.stored:
		return e.Frame()
	case !chunked:
		return w.appendEntry(make([]byte, 0, len(e.Chunk())), e)
	}
	return history.Chunk(w.appendEntry(make([]byte, history.HeadRoom, history.HeadRoom+len(e.Chunk())), e))
}

// encodeEvents appends events after others, as many as items says, and adds
// their number to it.
func (w *wire) encodeEvents(events []Event, items *int) encoding {
	return func(dst []byte) ([]byte, error) {
		for i, ev := range events {
			var err error
			if dst, err = w.appendEvent(dst, ev, *items+i); err != nil {
				return nil, err
			}
		}
		*items += len(events)
		return dst, nil
	}
}

// encodeComment appends a comment, where the format has comments.
func (w *wire) encodeComment(text string) encoding {
	return func(dst []byte) ([]byte, error) {
		if w.Format != EventStream {
			return dst, nil
		}
		return AppendComment(dst, text), nil
	}
}

// encodeRetry appends a time to reconnect, where the format has one.
func (w *wire) encodeRetry(d time.Duration) encoding {
	return func(dst []byte) ([]byte, error) { return w.appendRetry(dst, d), nil }
}

func (w *wire) appendRetry(dst []byte, d time.Duration) []byte {
	if w.Format != EventStream {
		return dst
	}
	return AppendRetry(dst, d)
}

// encodeHeartbeat appends a heartbeat.
func (w *wire) encodeHeartbeat(dst []byte) ([]byte, error) {
	return append(dst, w.heartbeat...), nil
}

// encodeClosing appends the end of a stream that ended in order.
func (w *wire) encodeClosing(dst []byte) ([]byte, error) { return append(dst, w.closing...), nil }

// appendPrelude appends what every stream begins with.
func (w *wire) appendPrelude(dst []byte, retry time.Duration) []byte {
	switch w.Format {
	case JSONLines:
		return dst
	case JSONArray:
		return append(dst, "[\n"...)
	default:
		return AppendComment(AppendRetry(dst, retry), "open")
	}
}

// positionOf returns what tells a client its position, or nil.
func (w *wire) positionOf(at Position) []byte {
	switch {
	case w.Position == NoPosition:
		return nil
	case w.Position == PositionBlock && w.Format == EventStream:
		return append(at.Append(append(make([]byte, 0, history.TrailerRoom), "id: "...)), "\n\n"...)
	case w.Position == PositionBlock:
		return append(at.Append([]byte(`{"id":"`)), "\"}\n"...)
	}
	ev := Event{ID: at.String(), Name: w.PositionEvent.Name, Data: w.PositionEvent.Data}
	frame, _ := w.appendEvent(nil, ev, 0) // newWire has checked it
	return frame
}

// resetOf returns the event that tells of a gap, without its ID.
func (s *Stream) resetOf(gap *GapError) (ev Event, err error) {
	w := s.wire()
	if w.Reset == nil {
		return JSONEvent(ResetEvent, struct {
			Reason  GapReason `json:"reason"`
			Channel string    `json:"channel,omitempty"`
			Oldest  string    `json:"oldest"`
			Newest  string    `json:"newest"`
		}{gap.Reason, gap.Channel, gap.Oldest.String(), gap.Newest.String()})
	}
	err = s.guard("function for resets", func() error { ev = w.Reset(gap); return nil })
	return ev, err
}

// ownEvents reports whether the hub's own events stand under their names.
func (w *wire) ownEvents() bool {
	return w.Reset == nil && !w.EndOnReset && (w.Format == EventStream || w.Envelope)
}

// closingFor returns what to send last on a stream that ends for a reason.
func (w *wire) closingFor(reason error) []byte {
	if len(w.closing) == 0 || !errors.Is(reason, ErrClosed) {
		return nil
	}
	return w.closing
}

// cutsOff reports whether the body of a stream that ends for a reason should look
// cut off, where that is possible: in a JSON format, nothing in the body tells of
// the end of a subscription.
func (w *wire) cutsOff(reason error) bool {
	return w.Format != EventStream && !errors.Is(reason, ErrClosed)
}

// oneShot returns a whole body: the greeting, and an event.
func (w *wire) oneShot(greeting []byte, greetings int, ev Event) ([]byte, error) {
	var body []byte
	if w.Format == JSONArray {
		body = w.appendPrelude(nil, 0)
	}
	body, err := w.appendEvent(append(body, greeting...), ev, greetings)
	if err != nil {
		return nil, err
	}
	return slices.Concat(body, w.closing), nil
}

// body returns the kind of body of a member with the dialect.
func (w *wire) body(chunked bool) (k bodyKind) {
	if chunked {
		k |= inChunks
	}
	if !w.stored {
		k |= reencoded
	}
	return k
}

// cacheKey identifies the members of a shard that are sent the same bytes.
type cacheKey struct {
	wire    *wire
	chunked bool
}

// cutsOff reports whether the body of the stream, which has ended, should look cut
// off.
func (s *Stream) cutsOff() bool {
	reason := s.Err()
	return lost(reason) || s.wire().cutsOff(reason)
}
