package core

import (
	"net/http"
	"strings"
	"time"
)

// handshake holds a stream's request, and the state that it needs until it
// opens. Stream.mu guards the fields that change.
type handshake struct {
	request   *http.Request
	path      string
	change    bool // the request changes another stream's channels; this stream does not open
	changed   ChannelChange
	header    http.Header
	greeting  []byte // encoded events and comments to send right after the head
	greetings int    // number of events in greeting
	onOpen    []func()
	onDeliver []func(events, bytes int)
	overdue   *time.Timer // runs while the stream waits for its adapter
	// givenUp is not nil if the adapter did not begin the stream in time. It is
	// closed when the stream is finished.
	givenUp chan struct{}
}

// lastEventID returns the ID of the last event that the client has seen: from
// the header (section 9.2.4), or else from the query parameter lastEventId, in
// any letter case.
func lastEventID(r *http.Request) (string, error) {
	id := r.Header.Get("Last-Event-ID")
	if id == "" && r.URL.RawQuery != "" {
		for name, values := range r.URL.Query() {
			if strings.EqualFold(name, "lastEventId") && len(values) > 0 && values[0] != "" {
				id = values[0]
				break
			}
		}
	}
	if err := CheckID(id); err != nil {
		return "", &Refusal{
			Status:  http.StatusBadRequest,
			Message: "The last event ID is too long, or holds what no event ID can hold.",
			Err:     err,
		}
	}
	return strings.Clone(id), nil
}
