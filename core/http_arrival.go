package core

import (
	"net/http"
	"strings"
	"time"
)

// handshake is what a stream has from its request, and what it needs to open.
type handshake struct {
	request   *http.Request
	path      string
	change    bool // of another stream's channels: this one does not open
	changed   ChannelChange
	header    http.Header
	greeting  []byte // what was sent before the stream was open
	greetings int    // how many events are in it
	onOpen    []func()
	onDeliver []func(events, bytes int)
	overdue   *time.Timer // runs while the stream waits for its adapter
	// givenUp is closed when a stream that its adapter did not begin in time is
	// finished; nil while there is none.
	givenUp chan struct{}
}

// lastEventID returns what the client has seen last: from the header (section
// 9.2.4), or else from the query parameter lastEventId, whatever its case.
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
