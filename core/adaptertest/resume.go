//nolint:thelper,gosec // These are tests, and their chance is no secret.
package adaptertest

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// testResume cuts a client's connection again and again while events come
// fast, and compares what it got with what a client got that was left alone.
func testResume(t *testing.T, e env) {
	const events = 1200
	b := newBed(t, e, core.HubConfig{RingEvents: 64})
	b.get("/", b.gate(core.GateConfig{}).Subscribe("a", "b", "c"))
	b.start(t)
	steady := b.client(t).open(t, "/")
	steady.greeted(t)
	restless := &restless{b: b, c: b.client(t)}
	restless.r = restless.c.open(t, "/")
	restless.r.greeted(t)
	restless.last = strings.TrimSpace(strings.TrimPrefix(restless.r.mustBlock(t), "id: "))

	go b.publishFast(t, events)
	var got, want []core.Event
	for len(want) == 0 || want[len(want)-1].Data != "end" {
		want = append(want, steady.event(t))
	}
	for len(got) == 0 || got[len(got)-1].Data != "end" {
		got = append(got, restless.event(t))
	}
	if len(want) != events {
		t.Errorf("events of the client that was left alone: got %d, want %d", len(want), events)
	}
	for i, ev := range got {
		if i >= len(want) || ev != want[i] {
			t.Fatalf("event %d of %d of the client that was cut %d times: got %+v, want that of the other",
				i, len(want), restless.cuts, ev)
		}
	}
	if restless.cuts < 5 {
		t.Errorf("cuts: got %d, want 5 at least", restless.cuts)
	}
}

// publishFast publishes about a thousand events a second to three channels.
func (b *bed) publishFast(t *testing.T, events int) {
	t.Helper()
	ticker := time.NewTicker(4 * time.Millisecond)
	defer ticker.Stop()
	for i := range events {
		data := strconv.Itoa(i)
		if i == events-1 {
			data = "end"
		}
		if _, err := b.hub.Publish(t.Context(), []string{"a", "b", "c"}[rand.IntN(3)], core.Event{Data: data}); err != nil {
			t.Errorf("publish: %v", err)
			return
		}
		if i%4 == 3 {
			<-ticker.C
		}
	}
}

// restless is a client that loses its connection every now and then.
type restless struct {
	b     *bed
	c     *client
	r     *reply
	last  string
	until int // events to read before the next cut
	cuts  int
}

func (rs *restless) event(t *testing.T) core.Event {
	t.Helper()
	if rs.until == 0 {
		rs.until = 1 + rand.IntN(60)
		rs.cuts++
		if rs.cuts%3 == 0 {
			rs.r.close()
		} else {
			rs.c.cut(rs.cuts%3 == 1)
			rs.c = rs.b.client(t)
		}
		rs.r = rs.c.open(t, "/", "Last-Event-ID", rs.last)
	}
	rs.until--
	ev := rs.r.event(t)
	rs.last = rs.r.dec.LastEventID()
	return ev
}

// testPrime has a client lose its connection before it got an event. What was
// published meanwhile is not lost.
func testPrime(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	b.get("/", b.gate(core.GateConfig{}).Subscribe("news"))
	b.start(t)
	b.publish(t, "news", core.Event{Data: "old"})
	c := b.client(t)
	r := c.open(t, "/")
	r.greeted(t)
	id, ok := strings.CutPrefix(r.mustBlock(t), "id: ")
	if !ok {
		t.Fatal("third block: got no ID, want one to resume after")
	}
	r.close()
	b.closed(t)
	b.publish(t, "news", core.Event{Data: "one"}, core.Event{Data: "two"})
	again := c.open(t, "/", "Last-Event-ID", strings.TrimSpace(id))
	again.wantData(t, "one")
	again.wantData(t, "two")
	b.publish(t, "news", core.Event{Data: "three"})
	again.wantData(t, "three")
}

// testOwnIDs has a client resume after an ID that the application chose.
func testOwnIDs(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	b.get("/", b.gate(core.GateConfig{}).Subscribe("news"))
	b.start(t)
	b.publish(t, "news", core.Event{ID: "row 1", Data: "one"}, core.Event{ID: "row 2", Data: "two"})
	r := b.client(t).open(t, "/", "Last-Event-ID", "row 1")
	if got := r.wantData(t, "two").ID; got != "row 2" {
		t.Errorf("ID: got %q, want %q", got, "row 2")
	}
}

// testGaps has clients come back with IDs that nothing can follow.
func testGaps(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{Store: core.NewMemoryStore(core.Retention{Events: 5})})
	b.get("/live", b.gate(core.GateConfig{}).Subscribe("news"))
	b.get("/earliest", b.gate(core.GateConfig{Start: core.Earliest()}).Subscribe("news"))
	b.start(t)
	var ids []string
	for i := range 20 {
		ids = append(ids, b.publish(t, "news", core.Event{Data: strconv.Itoa(i)})...)
	}
	c := b.client(t)
	newest, _ := core.ParsePosition(ids[19])
	future := core.Position{Epoch: newest.Epoch, Seq: newest.Seq + 1000}
	for _, tt := range []struct{ id, reason string }{
		{"nobody knows", "unknown"},
		{future.String(), "unknown"},
		{core.Position{Epoch: newest.Epoch ^ 2, Seq: 3}.String(), "restarted"},
		{ids[1], "trimmed"},
	} {
		for _, path := range []string{"/live", "/earliest"} {
			r := c.open(t, path, "Last-Event-ID", tt.id)
			reset := r.event(t)
			var data struct {
				Reason string `json:"reason"`
				Oldest string `json:"oldest"`
				Newest string `json:"newest"`
			}
			if err := json.Unmarshal([]byte(reset.Data), &data); err != nil || reset.Name != core.ResetEvent {
				t.Errorf("%s after %q: got %+v and %v, want a reset", path, tt.id, reset, err)
				continue
			}
			if data.Reason != tt.reason || data.Oldest != ids[15] || data.Newest != ids[19] {
				t.Errorf("%s after %q, reset: got %+v, want %s, %s to %s", path, tt.id, data, tt.reason, ids[15], ids[19])
			}
			if path == "/earliest" {
				for i := 15; i < 20; i++ {
					r.wantData(t, strconv.Itoa(i))
				}
			} else if reset.ID != ids[19] {
				t.Errorf("%s after %q, reset's ID: got %q, want %q", path, tt.id, reset.ID, ids[19])
			}
			r.close()
		}
	}
	r := c.open(t, "/live", "Last-Event-ID", "nobody knows")
	r.event(t)
	b.publish(t, "news", core.Event{Data: "new"})
	r.wantData(t, "new")
	// The newest ID that is kept, and the oldest that something follows.
	c.open(t, "/live", "Last-Event-ID", ids[15]).wantData(t, "16")
}
