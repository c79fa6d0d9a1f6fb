package core

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"time"
)

// arrival is what a stream has from its request, and what it needs to open.
type arrival struct {
	request   *http.Request
	path      string
	change    bool // of another stream's channels: this one does not open
	header    http.Header
	greeting  []byte // what was sent before the stream was open
	greetings int    // how many events are in it
	onOpen    []func()
	onDeliver []func(events, bytes int)
	overdue   *time.Timer // runs while the stream waits for its adapter
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

// readBody reads the request's body, so that the connection can be watched
// while the response is sent, and puts what it read in its place.
func readBody(r *http.Request, limit int64) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	// One byte more than the limit is asked for. A body that is there may still
	// be empty: that of every request of HTTP/2 is.
	limit = min(max(limit, 0), math.MaxInt64-1)
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	switch {
	case err != nil:
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			return &Refusal{Status: http.StatusRequestEntityTooLarge, Err: err}
		}
		return &Refusal{Status: http.StatusBadRequest, Message: "The request's body cannot be read.", Err: err}
	case int64(len(body)) > limit:
		return Refuse(http.StatusRequestEntityTooLarge, "The request's body is too large.")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}
