package stocks

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tidings-go/tidings/core"
)

const (
	onceRetry = 100 * time.Millisecond // how soon a client of Next comes back
	pageSize  = 256                    // how many quotes Events returns at most
	shortWait = 10 * time.Millisecond  // how soon Events is called again
	longWait  = time.Second            // and how late
)

// Next returns the quote that follows the client's last event ID, for
// [core.Gate.OneShot]. If there is none yet, or if it cannot be told, it waits for
// the next one to come, as long as the client does.
func (m *Market) Next(h *core.Handshake) (core.Event, error) {
	sub := core.Subscription{Channels: []string{Channel}, After: h.LastEventID()}
	for quote, err := range m.hub.Subscribe(h.Context(), sub) {
		if gap := (*core.GapError)(nil); errors.As(err, &gap) {
			continue // live from here on
		}
		if err != nil {
			break
		}
		quote.Retry = onceRetry
		return quote.Event, nil
	}
	// The client is gone or the program ends, which is no error.
	return core.Event{}, &core.Refusal{Status: http.StatusServiceUnavailable, RetryAfter: time.Second}
}

var _ core.Controller = (*Market)(nil)

// Events returns the quotes after an ID, and how long to wait for more: it
// implements [core.Controller]. A new client gets the newest quote first.
func (m *Market) Events(s *core.Sender, lastEventID string) ([]core.Event, time.Duration, error) {
	sub := core.Subscription{Channels: []string{Channel}, Start: core.Last(1), After: lastEventID}
	quotes, err := m.hub.History(s.Context(), sub, pageSize)
	var gap *core.GapError
	switch {
	case errors.As(err, &gap):
		return reset(gap)
	case err != nil:
		return nil, 0, fmt.Errorf("quotes after %q: %w", lastEventID, err)
	}
	events := make([]core.Event, len(quotes))
	for i, quote := range quotes {
		events[i] = quote.Event
	}
	wait := m.minDelay // before that, no quote follows another
	switch len(events) {
	case 0: // it may come at any time
		wait = (m.maxDelay - m.minDelay) / 8
	case pageSize: // there may be more
		wait = shortWait
	}
	return events, min(max(wait, shortWait), longWait), nil
}

// reset returns the event that tells a client that quotes are gone, as a
// subscription does. Its ID is where the stream goes on.
func reset(gap *core.GapError) ([]core.Event, time.Duration, error) {
	ev, err := core.JSONEvent(core.ResetEvent, map[string]string{
		"reason": string(gap.Reason),
		"oldest": gap.Oldest.String(),
		"newest": gap.Newest.String(),
	})
	ev.ID = gap.Newest.String()
	return []core.Event{ev}, shortWait, err
}
