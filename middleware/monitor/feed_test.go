package monitor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware/monitor"
)

// event is what the feed says.
type event struct {
	Name string         `json:"name"`
	ID   string         `json:"-"`
	Data map[string]any `json:"data"`
}

// watch opens the feed, and returns a function that waits for an event.
func (s *site) watch(query string) (await func(what string, ok func(event) bool) event) {
	s.t.Helper()
	resp := s.do(s.request(http.MethodGet, "/monitor/feed"+query, ""))
	s.t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("feed: got %s, want a stream", resp.Status)
	}
	decoder := core.NewDecoder(resp.Body, core.DecoderConfig{})
	return func(what string, ok func(event) bool) event {
		s.t.Helper()
		for ev, err := range decoder.All() {
			got := event{Name: ev.Name, ID: ev.ID}
			if err == nil {
				err = json.Unmarshal([]byte(ev.Data), &got.Data)
			}
			if err != nil {
				s.t.Fatalf("%s: got error %v, want it", what, err)
			}
			if ok(got) {
				return got
			}
		}
		s.t.Fatalf("%s: got the end of the feed, want it", what)
		return event{}
	}
}

// publish publishes news.
func (s *site) publish(data string) {
	s.t.Helper()
	if _, err := s.hub.Publish(context.Background(), "news", core.Event{Data: data}); err != nil {
		s.t.Errorf("Publish: %v", err)
	}
}

func TestFeed(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.open("news")
	await := s.watch("")
	first := await("a sample", func(e event) bool { return e.Name == "sample" })
	if got := first.Data["streams"]; got != 1.0 {
		t.Errorf("streams: got %v, want 1: the feed's own does not count", got)
	}
	s.publish("hello")
	e := await("a delivery", func(e event) bool { return e.Data["delivered"] != 0.0 })
	if delay, _ := e.Data["delay"].(map[string]any); delay["samples"] != 1.0 || e.Data["published"] == 0.0 {
		t.Errorf("got %v, want a sample of the delay, and a rate", e)
	}
	again := s.watch("?lastEventId=" + first.ID)
	if next := again("the next sample", func(event) bool { return true }); next.Name != "sample" || next.ID == first.ID {
		t.Errorf("resumed: got %+v, want what followed", next)
	}
	_, text := s.ask(s.request(http.MethodGet, "/monitor/samples?lastEventId="+first.ID, ""))
	var polled struct {
		Reset  bool    `json:"reset"`
		Events []event `json:"events"`
	}
	if err := json.Unmarshal([]byte(text), &polled); err != nil || polled.Reset || len(polled.Events) == 0 {
		t.Errorf("polled: got %s, want the samples that followed", text)
	}
	_, text = s.ask(s.request(http.MethodGet, "/monitor/samples?lastEventId=unknown", ""))
	if err := json.Unmarshal([]byte(text), &polled); err != nil || !polled.Reset || len(polled.Events) < 2 {
		t.Errorf("polled after an unknown ID: got %s, want a reset and all samples", text)
	}
	if got := s.hub.Stats().Streams; got != 1 {
		t.Errorf("the app's streams: got %d, want 1", got)
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.open("news?private")
	hidden := <-s.private
	s.await("channels", func(l list) bool { return l.Total == 2 })
	for _, name := range []string{"nonsense", hidden, "(private)"} {
		if status, _ := s.ask(s.request(http.MethodGet, "/monitor/samples?channel="+name, "")); status != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", name, status)
		}
	}
	await := s.watch("?channel=news")
	await("a sample", func(e event) bool { return e.Name == "sample" }) // the channel is followed by now
	s.publish("password=hunter2 and " + strings.Repeat("long ", 1000))
	e := await("an event", func(e event) bool { return e.Name == "follow" })
	data, _ := e.Data["data"].(string)
	if e.Data["channel"] != "news" || !strings.Contains(data, " and long") || strings.Contains(data, "hunter2") || len(data) > 600 {
		t.Errorf("got %v, want the beginning of the event, without the secret", e.Data)
	}
	for i := range 500 {
		s.publish(fmt.Sprint("burst ", i))
	}
	shown := 0
	await("the end of the burst", func(e event) bool {
		if e.Name == "follow" {
			shown++
		}
		return e.Name == "sample" && shown > 0
	})
	if shown > 100 { // of a few seconds at most
		t.Errorf("of 500 events: got %d, want 20 a second", shown)
	}
	for skipped, i := false, 0; !skipped; i++ { // until the channel is followed again
		s.publish(fmt.Sprint("after ", i))
		await("what followed", func(e event) bool {
			skipped = skipped || e.Data["skipped"] == true
			return skipped || e.Name == "sample"
		})
	}
}

// TestAdapter checks that a handler that collects whole responses gets no
// stream, which would never end.
func TestAdapter(t *testing.T) {
	t.Parallel()
	hub := core.NewHub(core.HubConfig{})
	t.Cleanup(func() { _ = hub.Close() })
	m := monitor.Handler(hub, func(*http.Request) bool { return true })
	w := httptest.NewRecorder()
	if m.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/monitor/feed", http.NoBody)); w.Code != http.StatusNotImplemented {
		t.Errorf("got %d, want 501", w.Code)
	}
}

// TestHubCloses checks that the feed ends with the app's hub.
func TestHubCloses(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	resp := s.do(s.request(http.MethodGet, "/monitor/feed", ""))
	defer func() { _ = resp.Body.Close() }()
	_ = s.hub.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range core.NewDecoder(resp.Body, core.DecoderConfig{}).All() {
		}
	}()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("the feed goes on, want its end")
	}
	if status, _ := s.ask(s.request(http.MethodGet, "/monitor/streams", "")); status != http.StatusServiceUnavailable {
		t.Errorf("afterwards: got %d, want 503", status)
	}
}
