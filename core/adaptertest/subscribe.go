//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

func testSubscription(t *testing.T, e env) {
	const events = 100
	b := newBed(t, e, core.HubConfig{})
	b.get("/", b.gate(core.GateConfig{}).Subscribe("news", "sport"))
	b.start(t)
	one, two := b.client(t).open(t, "/"), b.client(t).open(t, "/")
	for _, r := range []*reply{one, two} {
		r.greeted(t)
		if got := r.mustBlock(t); !strings.HasPrefix(got, "id: ") {
			t.Fatalf("third block: got %q, want the ID to resume after", got)
		}
	}
	for i := range events {
		channel := []string{"news", "sport", "other"}[i%3]
		b.publish(t, channel, core.Event{Name: channel, Data: "line " + strconv.Itoa(i) + "\nmore"})
	}
	last := core.Position{}
	for i := range events {
		channel := []string{"news", "sport", "other"}[i%3]
		if channel == "other" {
			continue
		}
		got := one.mustBlock(t)
		if other := two.mustBlock(t); other != got {
			t.Fatalf("event %d: got %q on one stream and %q on the other, want the same", i, got, other)
		}
		head, id, _ := strings.Cut(got, "id: ")
		if want := fmt.Sprintf("event: %s\ndata: line %d\ndata: more\n", channel, i); head != want {
			t.Fatalf("event %d: got %q, want %q", i, head, want)
		}
		p, ok := core.ParsePosition(strings.TrimSpace(id))
		if !ok || p.Seq <= last.Seq || last.Epoch != 0 && p.Epoch != last.Epoch {
			t.Fatalf("ID of event %d: got %q after %v, want a position that follows", i, id, last)
		}
		last = p
	}
}

func testStarts(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	for path, start := range map[string]core.Start{
		"/live": core.Live(), "/earliest": core.Earliest(), "/last": core.Last(2), "/snapshot": core.Snapshot(),
	} {
		b.get(path, b.gate(core.GateConfig{Start: start}).Subscribe("stocks"))
		b.get(path+"/chosen", b.gate(core.GateConfig{}).SubscribeFunc(func(*core.Handshake) (core.Subscription, error) {
			return core.Subscription{Channels: []string{"stocks"}, Start: start}, nil
		}))
	}
	b.start(t)
	for i, key := range []string{"ibm", "sun", "ibm", "sgi", "ibm"} {
		b.publish(t, "stocks", core.Event{Key: key, Data: key + strconv.Itoa(i)})
	}
	b.publish(t, "stocks", core.Event{Data: "note"})
	c := b.client(t)
	want := map[string][]string{
		"/live": nil, "/earliest": {"ibm0", "sun1", "ibm2", "sgi3", "ibm4", "note"},
		"/last": {"ibm4", "note"}, "/snapshot": {"sun1", "sgi3", "ibm4"},
	}
	const burst = 5
	replies := make(map[string]*reply)
	for path := range want {
		for _, path := range []string{path, path + "/chosen"} {
			replies[path] = c.open(t, path)
		}
	}
	// What comes once a stream is open arrives, even if its history was not
	// sent yet.
	for i := range burst {
		b.publish(t, "stocks", core.Event{Data: "new" + strconv.Itoa(i)})
	}
	for path, r := range replies {
		got, err := r.readThrough("new" + strconv.Itoa(burst-1))
		if err != nil {
			t.Errorf("%s: got %q and then %v, want it to go on", path, got, err)
			continue
		}
		history := got[:max(len(got)-burst, 0)]
		for i, data := range got[len(history):] {
			if data != "new"+strconv.Itoa(i) {
				t.Errorf("%s: got %q, want all %d that were published afterwards at the end", path, got, burst)
			}
		}
		start := strings.TrimSuffix(path, "/chosen")
		most := want[start]
		if start == "/last" { // of what was there when it was asked for
			most = most[len(most)-min(len(history), len(most)):]
		}
		if !slices.Equal(history, most) {
			t.Errorf("%s, history: got %q, want %q", path, history, most)
		}
	}
}

// readThrough returns the data of all events up to one with this data.
func (r *reply) readThrough(last string) (data []string, err error) {
	for len(data) == 0 || data[len(data)-1] != last {
		ev, err := r.read()
		if err != nil {
			return data, err
		}
		data = append(data, ev.Data)
	}
	return data, nil
}

func testSubscribeFunc(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	b.get("/{channel}", b.gate(core.GateConfig{}).SubscribeFunc(func(s *core.Handshake) (core.Subscription, error) {
		switch name := s.Request().PathValue("channel"); name {
		case "none":
			return core.Subscription{}, nil
		case "long":
			return core.Subscription{Channels: []string{strings.Repeat("x", core.MaxChannelBytes+1)}}, nil
		case "secret":
			return core.Subscription{}, fmt.Errorf("wrapped: %w", core.Refuse(http.StatusForbidden, "Not for you."))
		case "broken":
			return core.Subscription{}, errors.New("broken")
		default:
			return core.Subscription{Channels: []string{name}}, nil
		}
	}))
	b.start(t)
	c := b.client(t)
	for path, want := range map[string]int{
		"/long": http.StatusBadRequest, "/secret": http.StatusForbidden,
		"/none": http.StatusInternalServerError, "/broken": http.StatusInternalServerError,
	} {
		r := c.ask(t, path)
		if r.StatusCode != want {
			t.Errorf("GET %s: got %s, want %d", path, r.Status, want)
		}
		r.text(t)
	}
	r := c.open(t, "/news")
	b.publish(t, "sport", core.Event{Data: "no"})
	b.publish(t, "news", core.Event{Data: "yes"})
	r.wantData(t, "yes")
}

// testFilter has a filter guard live and replayed events alike.
func testFilter(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	gate := b.gate(core.GateConfig{Start: core.Earliest(), Middleware: []core.Middleware{func(s *core.Handshake) error {
		s.SetFilter(func(ev core.Delivery) bool { return ev.Name != "secret" })
		s.SetFilter(func(ev core.Delivery) bool { return ev.Key != "hidden" })
		return nil
	}}})
	b.get("/", gate.Subscribe("news"))
	b.start(t)
	publish := func(n string) {
		b.publish(t, "news", core.Event{Data: "a" + n}, core.Event{Name: "secret", Data: "b" + n},
			core.Event{Key: "hidden", Data: "c" + n}, core.Event{Key: "shown", Data: "d" + n})
	}
	publish("1")
	r := b.client(t).open(t, "/")
	r.wantData(t, "a1")
	last := r.wantData(t, "d1").ID
	publish("2")
	r.wantData(t, "a2")
	r.wantData(t, "d2")
	again := b.client(t).open(t, "/", "Last-Event-ID", last)
	again.wantData(t, "a2")
	again.wantData(t, "d2")
}

// testEndings has streams end in all the ways that a server can wish for.
func testEndings(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	streams := make(chan *core.Stream, 1)
	for path, c := range map[string]core.GateConfig{
		"/expiry": {Middleware: []core.Middleware{func(s *core.Handshake) error {
			s.SetExpiry(time.Now().Add(50 * time.Millisecond))
			return nil
		}}},
		"/lifetime": {Lifetime: 50 * time.Millisecond},
		"/close": {Middleware: []core.Middleware{func(s *core.Handshake) error {
			s.OnOpen(func() { streams <- s.Stream })
			return nil
		}}},
	} {
		b.get(path+"/handler", b.gate(c).Handle(wait))
		b.get(path+"/channel", b.gate(c).Subscribe("news"))
	}
	b.start(t)
	for path, want := range map[string]error{
		"/expiry": core.ErrExpired, "/lifetime": core.ErrLifetime, "/close": core.ErrClosed,
	} {
		for _, path := range []string{path + "/handler", path + "/channel"} {
			r := b.client(t).open(t, path)
			if strings.HasPrefix(path, "/close") {
				s := receive(t, streams, "stream")
				r.greeted(t)
				if err := s.Close(); err != nil {
					t.Errorf("Close: got %v, want nil", err)
				}
			}
			r.wantEnd(t)
			if got := b.closed(t); !wraps(got.Reason, want) || !got.Opened {
				t.Errorf("%s, summary: got %+v, want %v", path, got, want)
			}
		}
	}
}
