// Package notifications is what the notifications sample in Gin and the one in
// Fiber share: what a notification is, the page that shows them, and the
// command line.
package notifications

import (
	"crypto/rand"
	_ "embed" // for the page
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tidings-go/tidings/core"
)

const (
	// Channel is the channel that notifications are published to.
	Channel = "notifications"
	// EventName is the name of their events.
	EventName = "statusupdate"
	// MaxBody is the size of a request's body at most, in bytes.
	MaxBody = 64 << 10
	// MaxLast is how many of the last notifications a new client gets at most.
	MaxLast = 100
)

// Retention says what is kept for clients that come back: in a quiet week the
// last ones, too.
func Retention() core.Retention {
	return core.Retention{Events: 10_000, Age: 30 * 24 * time.Hour, Idle: -1}
}

// Notification is what clients get, in JSON.
type Notification struct {
	ID       string          `json:"id"`
	Value    json.RawMessage `json:"value"` // any JSON but null, as it was sent
	PushedAt string          `json:"pushedat"`
}

// Event reads what a client wants to push from a request's body, and returns
// the event that does it: a [Notification] of now.
//
// It has an ID of its own, which is the event's and in its data: what is pushed
// is called the same everywhere, and the store finds it when a client comes
// back with it. The position in the hub's order, which would be the event's ID
// otherwise, is known only once the data is stored. The ID is random, and need
// not be in any order: that is the hub's.
func Event(body io.Reader) (core.Event, error) {
	text, err := io.ReadAll(io.LimitReader(body, MaxBody+1))
	switch {
	case err != nil:
		return core.Event{}, &core.Refusal{Status: http.StatusBadRequest, Message: "The body did not come to its end.", Err: err}
	case len(text) > MaxBody:
		return core.Event{}, core.Refuse(http.StatusRequestEntityTooLarge,
			fmt.Sprintf("The body must not have more than %d bytes.", MaxBody))
	}
	var wanted struct {
		Value json.RawMessage `json:"value"`
	}
	// The JSON package lets invalid UTF-8 pass.
	if json.Unmarshal(text, &wanted) != nil || !utf8.Valid(text) {
		return core.Event{}, core.Refuse(http.StatusBadRequest, `The body must be JSON like {"value": "something"}.`)
	}
	if len(wanted.Value) == 0 || string(wanted.Value) == "null" {
		return core.Event{}, core.Refuse(http.StatusBadRequest, "There must be a value.")
	}
	id := rand.Text()
	ev, err := core.JSONEvent(EventName, Notification{
		ID:       id,
		Value:    wanted.Value,
		PushedAt: time.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00"),
	})
	ev.ID = id
	return ev, err
}

// Explain returns the status and the message for a client whose request was not
// served, because of err.
func Explain(err error) (status int, message string) {
	var refusal *core.Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal.Status, refusal.Message
	case errors.Is(err, core.ErrHubClosed):
		return http.StatusServiceUnavailable, "The server is shutting down. Try again soon."
	}
	return http.StatusInternalServerError, "The request could not be served."
}

// Subscription returns what a client gets that asks for the last ones: so many
// of them, and those to come; without a number, those to come only. A client
// with a last event ID gets what followed it in either case.
func Subscription(last string) (core.Subscription, error) {
	sub := core.Subscription{Channels: []string{Channel}}
	if last == "" {
		return sub, nil
	}
	n, err := strconv.Atoi(last)
	if err != nil || n < 0 || n > MaxLast {
		return sub, core.Refuse(http.StatusBadRequest, fmt.Sprintf("last must be a number from 0 to %d.", MaxLast))
	}
	sub.Start = core.Last(n)
	return sub, nil
}

//go:embed static/index.html
var page []byte

// Page returns the page that shows notifications, in HTML and UTF-8. It is the
// same slice each time: do not change it.
func Page() []byte { return page }
