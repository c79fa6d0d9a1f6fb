package core

import "net/http"

// NodeEventSource returns the dialect for npm's eventsource (4.1.1), and for
// other clients on top of eventsource-parser (3.1.1) that know events of any
// name. They ignore a block with nothing but an id: the position is told in an
// event named "position", which a page without a listener does not notice.
func NodeEventSource() Dialect { return Dialect{Position: PositionInEvent} }

// AISDK returns the dialect for the UI message streams of ai (6.0.326), such as
// those of its DefaultChatTransport. That client parses the data of each event,
// whatever its name, and reads no ID: no position is told, a gap is a chunk of
// type "error", and [DONE] is the end. It resumes by reading a stream from its
// beginning again: let it Start at [Earliest].
func AISDK() Dialect {
	return Dialect{
		Position: NoPosition, Last: "[DONE]",
		Reset: func(gap *GapError) Event {
			return gapEvent("error", "errorText", gap)
		},
		Header: http.Header{"X-Vercel-Ai-Ui-Message-Stream": {"v1"}},
	}
}

// TanStackAI returns the dialect for fetchServerSentEvents of @tanstack/ai-client
// (0.33.2). That client gives an ID to the next data line, and parses each data
// line by itself, whatever the event's name: IDs come first, data is JSON in one
// line, no position is told, and a gap is a chunk of type "RUN_ERROR". A client
// that is cut off before its first event does not resume; give each stream's
// first event an ID, and let it Start at [Earliest].
func TanStackAI() Dialect {
	return Dialect{IDFirst: true, JSONData: true, Position: NoPosition, Reset: runError}
}

// AGUI returns the dialect for HttpAgent of @ag-ui/client (1.0.0). That client
// parses the data of each event, whatever its name, and reads no ID: no position
// is told, and a gap is an event of type "RUN_ERROR". It does not resume.
func AGUI() Dialect { return Dialect{Position: NoPosition, Reset: runError} }

// runError tells of a gap in the protocol of AG-UI.
func runError(gap *GapError) Event { return gapEvent("RUN_ERROR", "message", gap) }

// gapEvent returns an event whose data is an object with a type and a message.
func gapEvent(kind, member string, gap *GapError) Event {
	ev, _ := JSONEvent("", map[string]string{"type": kind, member: "events are missing: " + string(gap.Reason)}) // strings are always encoded
	return ev
}
