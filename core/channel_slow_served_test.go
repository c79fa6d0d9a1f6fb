//nolint:thelper // These are tests: a failure is at a line of theirs.
package core_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// A flood is more than the sockets of a client that stops reading and the ring of
// a channel take.
const (
	floodEvents = 40
	floodRing   = 8
	floodKeys   = 5
)

// policyConfig configures a channel for each policy.
func policyConfig(skip, conflate time.Duration) core.HubConfig {
	return core.HubConfig{
		RingBytes: 1 << 30,
		Store:     core.NewMemoryStore(core.Retention{Bytes: 1 << 20}),
		Channels: []core.ChannelConfig{
			{Pattern: "evict", RingEvents: floodRing},
			{Pattern: "skip", RingEvents: floodRing, Slow: core.Skip, StallTimeout: skip},
			{Pattern: "conflate", RingEvents: floodRing, Slow: core.Conflate, StallTimeout: conflate},
		},
	}
}

// flood publishes to all channels, with small events to "side". One client reads
// them all.
func flood(t *testing.T, f *ssetest.Fixture, reader *ssetest.Reply) {
	payload := strings.Repeat("x", ssetest.FloodSize)
	for i := range floodEvents {
		for _, channel := range []string{"evict", "skip", "conflate", "side"} {
			ev := core.Event{Name: channel, Data: strconv.Itoa(i) + " " + payload, Key: strconv.Itoa(i % floodKeys)}
			if channel == "side" {
				ev.Data = strconv.Itoa(i)
			}
			f.Publish(t, channel, ev)
			if got := reader.Event(t); got.Name != channel || got.Data != ev.Data {
				t.Fatalf("event of the client that reads: got %q with %.20q, want %q with %.20q", got.Name, got.Data, channel, ev.Data)
			}
		}
	}
}

// received is what a slow client got.
type received struct {
	events map[string][]int // by channel, the numbers of the events
	resets []reset
	last   string // the last event ID
	err    error  // why the stream ended, or nil at the event "after"
}

// reset is a reset event.
type reset struct {
	data   string
	behind int // the number of events of "skip" before it
}

// receiveAll reads up to the event with the data "after", or the end.
func receiveAll(r *ssetest.Reply) received {
	all := received{events: make(map[string][]int)}
	last := core.Position{}
	for {
		ev, err := r.Next()
		if err != nil {
			all.err = err
			return all
		}
		if at, ok := core.ParsePosition(ev.ID); ok && at.Seq > last.Seq {
			last, all.last = at, ev.ID
		} else if ev.Name != core.ResetEvent || ev.ID != "" {
			all.err = fmt.Errorf("event %q with ID %q after %s", ev.Name, ev.ID, last)
			return all
		}
		if ev.Data == "after" {
			return all
		}
		if ev.Name == core.ResetEvent {
			all.resets = append(all.resets, reset{ev.Data, len(all.events["skip"])})
			continue
		}
		number, _, _ := strings.Cut(ev.Data, " ")
		i, err := strconv.Atoi(number)
		if err != nil {
			all.err = fmt.Errorf("event %q: %w", ev.Name, err)
			return all
		}
		all.events[ev.Name] = append(all.events[ev.Name], i)
	}
}

// wantPrefix checks that the events of a channel are the first ones, and not all.
func (a received) wantPrefix(t *testing.T, channel string) {
	got := a.events[channel]
	for i, n := range got {
		if n != i {
			t.Fatalf("events of %s: got %v, want them in order", channel, got)
		}
	}
	if len(got) >= floodEvents-floodRing {
		t.Fatalf("events of %s: got %d of %d, want fewer: the client was not slow", channel, len(got), floodEvents)
	}
}

// servedSlowPolicies lets clients stop reading until more was published than the
// rings hold. Each meets the policies of its channels.
func servedSlowPolicies(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, policyConfig(0, 0))
	f.SendBuffer = ssetest.FloodBuffer
	gate := f.Gate(core.GateConfig{})
	for path, channels := range map[string][]string{
		"/reader": {"evict", "skip", "conflate", "side"}, "/evict": {"evict"}, "/skip": {"skip"},
		"/both": {"skip", "side"}, "/conflate": {"conflate"}, "/mixed": {"conflate", "side", "skip"},
	} {
		f.Get(path, gate.Subscribe(channels...))
	}
	f.Start(t)
	reader := f.Client(t).Open(t, "/reader")
	slow := make(map[string]*ssetest.Reply)
	for _, path := range []string{"/evict", "/skip", "/both", "/conflate", "/mixed"} {
		slow[path] = f.NarrowClient(t, 8<<10, 64<<10).Open(t, path)
		slow[path].Prelude(t)
	}
	flood(t, f, reader)

	done := make(map[string]<-chan received)
	for path, r := range slow {
		done[path] = receiveLater(r)
	}
	evicted := ssetest.Receive(t, done["/evict"], "events of the evicted")
	evicted.wantPrefix(t, "evict")
	if !errors.Is(evicted.err, io.EOF) || len(evicted.resets) > 0 {
		t.Errorf("evicted: got %v and resets %v, want an orderly end", evicted.err, evicted.resets)
	}
	if got := f.Closed(t); !errors.Is(got.Reason, core.ErrSlow) {
		t.Errorf("summary of the evicted: got %+v, want ErrSlow", got)
	}
	caughtUp(t, f)
	for _, channel := range []string{"skip", "side", "conflate"} {
		f.Publish(t, channel, core.Event{Name: channel, Data: "after"})
	}
	got := make(map[string]received)
	for _, path := range []string{"/skip", "/both", "/conflate", "/mixed"} {
		got[path] = ssetest.Receive(t, done[path], "events of "+path)
	}
	for _, path := range []string{"/skip", "/both", "/mixed"} {
		got[path].wantSkipped(t, path)
	}
	for _, path := range []string{"/both", "/mixed"} {
		if n := len(got[path].events["side"]); n != floodEvents {
			t.Errorf("%s, other channel: got %d events, want all %d", path, n, floodEvents)
		}
	}
	for _, path := range []string{"/conflate", "/mixed"} {
		got[path].wantConflated(t, path)
	}
	// The client that skipped resumes without a gap.
	again := f.Client(t).Open(t, "/skip", "Last-Event-ID", got["/skip"].last)
	f.Publish(t, "skip", core.Event{Name: "skip", Data: "again"})
	again.WantData(t, "again")
	resets := 0
	for _, r := range got {
		resets += len(r.resets)
	}
	stats := f.Hub.Stats()
	if stats.Closed["slow"] != 1 || int(stats.Resets[core.GapSkipped]) != resets || stats.Conflated == 0 {
		t.Errorf("counts: got %+v, want one stream evicted, %d resets, and events conflated", stats, resets)
	}
}

// receiveLater calls receiveAll while the test goes on.
func receiveLater(r *ssetest.Reply) <-chan received {
	done := make(chan received, 1)
	go func() { done <- receiveAll(r) }()
	return done
}

// caughtUp waits until no stream lags.
func caughtUp(t *testing.T, f *ssetest.Fixture) {
	ssetest.Eventually(t, "events that wait in rings", 0, func() int {
		lag := 0
		for _, s := range f.Hub.AllStreams() {
			lag += s.Info().LagEvents
		}
		return lag
	})
}

// wantSkipped checks the events of the channel that skips: all came, except those
// that a reset reports in their place. There is one reset, or a few where the
// client's sockets took more in the middle of the flood.
func (a received) wantSkipped(t *testing.T, path string) {
	got := a.events["skip"]
	if a.err != nil || len(a.resets) == 0 {
		t.Fatalf("%s: got %v, resets %v, want one and no end", path, a.err, a.resets)
	}
	next, sent := 0, 0 // the number of the next event, and how many came
	for _, r := range append(a.resets, reset{behind: len(got)}) {
		for ; sent < r.behind; sent++ {
			if got[sent] != next {
				t.Fatalf("%s: got events %v and resets %v, want number %d in place %d", path, got, a.resets, next, sent)
			}
			next++
		}
		if r.data == "" {
			break
		}
		oldest, newest := r.bounds(t)
		// Event n of the channel is the second of each round of four.
		if missing := 4*next + 2; oldest >= missing || newest < missing {
			t.Fatalf("%s: got reset %s behind %d events, want it to be about event %d, which is number %d", path, r.data, sent, next, missing)
		}
		next = (newest-2)/4 + 1
	}
	if next != floodEvents {
		t.Errorf("%s: got events %v and resets %v, want all %d accounted for", path, got, a.resets, floodEvents)
	}
}

// bounds returns the sequence numbers in a reset that reports skipped events.
func (r reset) bounds(t *testing.T) (oldest, newest int) {
	var data struct {
		Reason  string `json:"reason"`
		Channel string `json:"channel"`
		Oldest  string `json:"oldest"`
		Newest  string `json:"newest"`
	}
	decoder := json.NewDecoder(strings.NewReader(r.data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&data); err != nil {
		t.Fatalf("reset %q: %v", r.data, err)
	}
	from, ok := core.ParsePosition(data.Oldest)
	to, okToo := core.ParsePosition(data.Newest)
	if !ok || !okToo || from.Seq >= to.Seq || data.Reason != "skipped" || data.Channel != "skip" {
		t.Fatalf("got reset %q, want one about skipped events", r.data)
	}
	return int(from.Seq), int(to.Seq)
}

// wantConflated checks the events of the channel that conflates: the first ones,
// and the last of each key.
func (a received) wantConflated(t *testing.T, path string) {
	got := a.events["conflate"]
	if len(got) >= floodEvents-floodRing || len(got) < floodKeys || a.err != nil {
		t.Fatalf("%s: got %v, %v, want fewer than %d", path, got, a.err, floodEvents-floodRing)
	}
	for i, n := range got {
		if i > 0 && n <= got[i-1] {
			t.Fatalf("%s: got %v, want them in order", path, got)
		}
	}
	for i, n := range got[len(got)-floodKeys:] {
		if want := floodEvents - floodKeys + i; n != want {
			t.Errorf("%s: got %v, want the last of each key at the end", path, got)
			break
		}
	}
}

// servedStallTimeouts lets clients take nothing for longer than the write timeout.
// Where all channels skip or conflate, the longest of their stall timeouts applies.
func servedStallTimeouts(t *testing.T, e ssetest.Env) {
	const timeout, brief = 300 * time.Millisecond, 900 * time.Millisecond
	f := ssetest.New(t, e, policyConfig(ssetest.Patience, brief))
	f.SendBuffer = ssetest.FloodBuffer
	gate := f.Gate(core.GateConfig{WriteTimeout: timeout})
	f.Get("/reader", f.Gate(core.GateConfig{}).Subscribe("evict", "skip", "conflate", "side"))
	f.Get("/kept", gate.Subscribe("skip", "conflate"))
	f.Get("/brief", gate.Subscribe("conflate"))
	f.Get("/ended", gate.Subscribe("skip", "conflate", "evict"))
	f.Start(t)
	reader := f.Client(t).Open(t, "/reader")
	slow := make(map[string]*ssetest.Reply)
	for _, path := range []string{"/kept", "/brief", "/ended"} {
		slow[path] = f.NarrowClient(t, 8<<10, 64<<10).Open(t, path)
		slow[path].Prelude(t)
	}
	flood(t, f, reader)
	// A client that still takes a little now and then is evicted before its write
	// timeout.
	if got := f.Closed(t); !errors.Is(got.Reason, core.ErrWriteTimeout) && !errors.Is(got.Reason, core.ErrSlow) {
		t.Errorf("summary of the stream with a channel that evicts: got %+v, want ErrWriteTimeout or ErrSlow", got)
	}
	if got := f.Closed(t); !errors.Is(got.Reason, core.ErrWriteTimeout) || got.Duration < brief {
		t.Errorf("summary of the second: got %+v, want ErrWriteTimeout after its channel's stall timeout", got)
	}
	if n := len(f.Closes); n > 0 {
		t.Fatalf("ended: got %+v, want it kept", <-f.Closes)
	}
	done := receiveLater(slow["/kept"])
	caughtUp(t, f)
	f.Publish(t, "skip", core.Event{Name: "skip", Data: "after"})
	all := ssetest.Receive(t, done, "events of the stream that is kept")
	all.wantSkipped(t, "kept")
	all.wantConflated(t, "kept")
}
