//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// testFeatures resumes a stream with a filter and an audience, and changes its
// channels by a request. Core tests the details.
func testFeatures(t *testing.T, e ssetest.Env) {
	const path = "/?user=ann&group=red&quiet=1"
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{Middleware: []core.Middleware{ssetest.Membership}})
	f.Get("/", gate.SubscribeFunc(func(*core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{"a"}, SessionKey: "page"}, nil
	}))
	f.Post("/change", gate.ChangeChannels(func(*core.Stream, []string) error { return nil }))
	f.Start(t)
	publish := func(channel, n string) {
		f.Publish(t, channel, core.Event{Data: "to all " + n}, core.Event{Name: "loud", Data: "filtered"})
		f.PublishTo(t, channel, core.ToGroup("red"), core.Event{Data: "to a group " + n})
		f.PublishTo(t, channel, core.ToGroup("blue"), core.Event{Data: "to another group"})
		f.PublishTo(t, channel, core.ToIdentity("ann"), core.Event{Data: "to an identity " + n})
	}
	want := func(ns ...string) (all []string) {
		for _, n := range ns {
			all = append(all, "to all "+n, "to a group "+n, "to an identity "+n)
		}
		return all
	}
	publish("a", "0")
	// The client loses its connection before the first event.
	_, r := f.Connect(t, path)
	at := r.Position(t)
	r.Cancel()
	f.Closed(t)
	publish("a", "1")
	s, r := f.Connect(t, path, "Last-Event-ID", at.String())
	answer := f.Client(t).Send(t, http.MethodPost, "/change?user=ann",
		strings.NewReader(fmt.Sprintf(`{"stream": %q, "add": ["é 世界"]}`, s.ID())), "Content-Type", "application/json")
	body := answer.Text(t)
	if got, want := strings.TrimSpace(body), `{"channels":["a","é 世界"]}`; answer.StatusCode != http.StatusOK || got != want {
		t.Errorf("change: got %s, %q, want 200 and %q", answer.Status, got, want)
	}
	for name, want := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("change, header %s: got %q, want %q", name, got, want)
		}
	}
	f.Closed(t) // of the request
	publish("é 世界", "2")
	f.End(t, "a")
	if got, want := r.Events(t), want("1", "2"); !slices.Equal(got, want) {
		t.Errorf("events: got %q, want %q", got, want)
	}
	// The changed channels are those of the next stream.
	mark := f.Mark(t)
	r.Cancel()
	f.Closed(t)
	publish("é 世界", "3")
	_, r = f.Connect(t, path, "Last-Event-ID", mark)
	publish("a", "4")
	f.End(t, "a")
	if got, want := r.Events(t), want("3", "4"); !slices.Equal(got, want) {
		t.Errorf("events after a reconnection: got %q, want %q", got, want)
	}
}
