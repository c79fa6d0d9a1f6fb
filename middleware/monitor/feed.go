package monitor

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/tidings-go/tidings/core"
)

// maxViewers is how many streams the feed has at most.
const maxViewers = 32

// Feed returns the endpoint of the page's stream, for a framework whose adapter
// for http.Handler collects whole responses: mount it beside the page, as
// "feed". In Fiber:
//
//	app.Get("/monitor/feed", fibersse.Serve(m.Feed()))
//	app.Use("/monitor", adaptor.HTTPHandler(m))
//
// Without it, the page polls. It asks authorise, too.
func (m *Monitor) Feed() *core.Endpoint { return m.feed }

// subscribe chooses what a viewer is sent.
func (m *Monitor) subscribe(h *core.Handshake) (core.Subscription, error) {
	return m.subscription(h.Request())
}

// subscription returns the samples, all those kept for a new viewer, and the
// events of the channel that the viewer follows.
func (m *Monitor) subscription(r *http.Request) (core.Subscription, error) {
	sub := core.Subscription{Channels: []string{samplesChannel}, Start: core.Last(samplesKept)}
	if name := r.URL.Query().Get("channel"); name != "" {
		to, err := m.follow(name)
		if err != nil {
			return sub, err
		}
		sub.Channels = append(sub.Channels, to)
	}
	m.watch()
	return sub, nil
}

// samplesAnswer is what a page gets that polls.
type samplesAnswer struct {
	// Reset reports that events after the one that the page named are gone.
	Reset       bool          `json:"reset"`
	LastEventID string        `json:"lastEventId"`
	Events      []polledEvent `json:"events"`
}

// polledEvent is an event as the feed sends it.
type polledEvent struct {
	Name string          `json:"name"`
	Data json.RawMessage `json:"data"`
}

// serveSamples answers with the events after the one that the query names.
func (m *Monitor) serveSamples(w http.ResponseWriter, r *http.Request) {
	sub, err := m.subscription(r)
	var refusal *core.Refusal
	if errors.As(err, &refusal) {
		http.Error(w, refusal.Message, refusal.Status)
		return
	}
	if after := r.URL.Query().Get("lastEventId"); len(after) <= core.MaxIDBytes {
		sub.After = after
	}
	answer := samplesAnswer{LastEventID: sub.After, Events: []polledEvent{}}
	events, err := m.own.History(r.Context(), sub, samplesKept)
	if gap := (*core.GapError)(nil); errors.As(err, &gap) {
		answer.Reset, sub.After = true, ""
		events, err = m.own.History(r.Context(), sub, samplesKept)
	}
	if err != nil {
		http.Error(w, "No samples.", http.StatusServiceUnavailable)
		return
	}
	for _, ev := range events {
		answer.LastEventID = ev.ID
		answer.Events = append(answer.Events, polledEvent{ev.Name, json.RawMessage(ev.Data)})
	}
	if answer.LastEventID == "" {
		answer.LastEventID = m.own.Position()
	}
	writeJSON(w, answer)
}
