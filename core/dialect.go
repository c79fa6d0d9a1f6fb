package core

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/tidings-go/tidings/core/internal/accept"
)

// Dialect is how streams stand on the wire for clients that differ. The zero
// value suits browsers, package client and @microsoft/fetch-event-source;
// [NodeEventSource], [AISDK], [TanStackAI] and [AGUI] return dialects for other
// clients, which can be changed further. What a stream sends, and to whom, is the
// same in all dialects; so is what [Stream.LastEventID] takes from a client.
//
// A dialect belongs to a gate: see GateConfig.Dialects. Events that the hub sends
// are encoded once for all streams of a gate that use the same dialect and are
// written to by the same shard. A dialect without IDFirst, JSONData and another
// Format costs nothing: it sends the bytes of the zero value.
//
// In the JSON formats, what has no place in JSON is left out: comments, and times
// to reconnect. An item is the event's data. Data that is a JSON object or array,
// or another JSON value without spaces around it, is embedded, without the spaces
// and line breaks between its tokens; other data becomes a JSON string, whose
// line breaks are LF. An item is thus always one line, and no data can end it, or
// begin another one.
type Dialect struct {
	// Format is the body's format, and with it the media type that a client asks
	// for. Default: [EventStream].
	Format Format
	// Envelope makes each item of a JSON format an object with the members id,
	// event (if the event has a name) and data, so that a client of [JSONLines] can
	// resume as one of an event stream does. Default: an item is the data alone,
	// and the client learns no IDs.
	Envelope bool
	// Text makes all data JSON strings, in a JSON format: a client that expects
	// text need not look at types. Default: data that is JSON is embedded.
	Text bool
	// IDFirst puts the id line before the data of an event, for clients that give
	// an ID to what follows it. It is for these only: a client that stores an ID as
	// soon as it reads it loses an event that is cut off within. Only for
	// [EventStream]. Default: the id line comes last.
	IDFirst bool
	// JSONData makes the data of each event JSON in one line, as an item of a JSON
	// format is, for clients that parse each data line by itself. Only for
	// [EventStream]. Default: data is sent as it is.
	JSONData bool
	// Position is how a client learns its position in the hub's order when no event
	// of its own tells it: at the beginning of a subscription, and after events
	// that were not for it. Default: [PositionBlock].
	Position PositionMode
	// PositionEvent is the event of [PositionInEvent]. Its ID, Retry and Key are
	// ignored. Default: the name "position", and empty data, or in a JSON format
	// null.
	PositionEvent Event
	// Reset returns the event that tells a client of a gap. It is called from the
	// goroutine of a shard and must not block; concurrent calls are possible. The
	// event's ID is replaced by the position at which the stream goes on. If Reset
	// panics, or the event cannot be sent, the stream ends. Default: an event named
	// [ResetEvent].
	Reset func(gap *GapError) Event
	// EndOnReset ends the stream at a gap, with [ErrReset]; a request that begins
	// with a gap is refused with 410, since a browser would otherwise ask again
	// without end. Reset is not called then. [JSONLines] without Envelope and Reset
	// always has it, because its client could not tell a reset from data. Default:
	// the stream tells of the gap and goes on.
	EndOnReset bool
	// Heartbeat is an event to send on a silent stream. Its ID, Retry and Key are
	// ignored. [JSONArray] ignores it: an array has nothing but items. Default, if
	// it has no name and no data: a comment; in a JSON format an empty line.
	Heartbeat Event
	// Last is the data of a last event, such as [DONE]. It is sent when a stream
	// ends in order: its handler or one-shot has returned without an error, or
	// [Stream.Close] ended a subscription whose client has everything. A client
	// that has not read it knows that the end was cut off. [JSONArray] ignores it:
	// the array's bracket is the end. Default: none.
	Last string
	// Header holds fields of the response's head. They replace those of earlier
	// middleware. Default: none.
	Header http.Header
}

// Format is the format of a stream's body.
type Format uint8

const (
	// EventStream is the format of server-sent events, text/event-stream.
	EventStream Format = iota
	// JSONLines has one JSON value a line, application/x-ndjson. An empty line is a
	// heartbeat: parsers of JSON skip it, and so must a client that splits lines.
	JSONLines
	// JSONArray is one JSON array, application/json, each of whose items is sent as
	// it comes. The closing bracket is sent only if the stream ended in order: a
	// parser notices that a handler failed, or that the connection was cut. An
	// array has an end, a subscription has none: only handlers and one-shots offer
	// this format.
	JSONArray

	formats // number of formats
)

// String returns the format's media type.
func (f Format) String() string {
	switch f {
	case JSONLines:
		return "application/x-ndjson"
	case JSONArray:
		return "application/json"
	default:
		return "text/event-stream"
	}
}

// PositionMode is how a client learns its position in the hub's order without an
// event of its own.
type PositionMode uint8

const (
	// PositionBlock is a block with nothing but an id, which dispatches no event;
	// in [JSONLines] with Envelope an object with nothing but an id.
	PositionBlock PositionMode = iota
	// PositionInEvent is an event with the ID, for clients that ignore a block
	// without data.
	PositionInEvent
	// NoPosition tells nothing. A client that lost its connection then gets again
	// what was withheld or skipped, and one that has not received an event yet
	// begins anew at the subscription's [Start], which should be [Earliest].
	NoPosition
)

// checked returns the dialects of a gate, with that of each format that has
// none, and an error for those that no stream could use.
func checked(dialects []Dialect) ([]*wire, error) {
	wires := []*wire{nil}
	seen := make(map[Format]bool)
	for _, d := range dialects {
		if d.Format >= formats {
			return nil, fmt.Errorf("tidings: dialect: no format %d", d.Format)
		}
		if seen[d.Format] {
			return nil, fmt.Errorf("tidings: two dialects for %s", d.Format)
		}
		seen[d.Format] = true
		w, err := newWire(d)
		if err != nil {
			return nil, fmt.Errorf("tidings: dialect for %s: %w", d.Format, err)
		}
		if d.Format == EventStream {
			wires[0] = w
		} else {
			wires = append(wires, w)
		}
	}
	if wires[0] == nil {
		wires[0], _ = newWire(Dialect{}) // it has no event that could be wrong
	}
	return wires, nil
}

// offers returns the media types that an endpoint offers, the preferred one
// first.
func (e *Endpoint) offers() []string {
	types := make([]string, 0, len(e.gate.wires))
	for _, w := range e.gate.wires {
		if w.Format != JSONArray || e.choose == nil {
			types = append(types, w.Format.String())
		}
	}
	return types
}

// negotiate chooses the dialect of a stream by the request's Accept. It reports
// whether one is acceptable.
func (e *Endpoint) negotiate(s *Stream, values []string) bool {
	g, offers := e.gate, e.offers()
	chosen := accept.Choose(values, offers)
	if len(offers) > 1 {
		s.handshake.header.Set("Vary", "Accept")
	}
	if chosen >= 0 {
		s.dialect = uint8(slices.IndexFunc(g.wires, func(w *wire) bool { return w.Format.String() == offers[chosen] })) //nolint:gosec // There are three at most.
	}
	get := s.handshake.request.Method != http.MethodHead
	s.reconnects = !g.cfg.RefuseByStatus && get && s.wire().Format == EventStream && accept.ByName(values, EventStream.String())
	return chosen >= 0
}
