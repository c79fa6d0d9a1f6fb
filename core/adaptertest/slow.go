//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

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
)

// A flood is so many events of the size floodSize: more than the sockets of a
// client that stops reading and a ring of ringOf take.
const (
	floodEvents = 40
	ringOf      = 8
	floodKeys   = 5
)

// policies configures a channel for each policy.
func policies(skip, conflate time.Duration) core.HubConfig {
	return core.HubConfig{
		RingBytes: 1 << 30,
		Store:     core.NewMemoryStore(core.Retention{Bytes: 1 << 20}),
		Channels: []core.ChannelConfig{
			{Pattern: "evict", RingEvents: ringOf},
			{Pattern: "skip", RingEvents: ringOf, Slow: core.Skip, StallTimeout: skip},
			{Pattern: "conflate", RingEvents: ringOf, Slow: core.Conflate, StallTimeout: conflate},
		},
	}
}

// flood publishes to all channels, to "side" small events only, while a client
// reads them all.
func (b *bed) flood(t *testing.T, well *reply) {
	payload := strings.Repeat("x", floodSize)
	for i := range floodEvents {
		for _, channel := range []string{"evict", "skip", "conflate", "side"} {
			ev := core.Event{Name: channel, Data: strconv.Itoa(i) + " " + payload, Key: strconv.Itoa(i % floodKeys)}
			if channel == "side" {
				ev.Data = strconv.Itoa(i)
			}
			b.publish(t, channel, ev)
			if got := well.event(t); got.Name != channel || got.Data != ev.Data {
				t.Fatalf("event of the client that reads: got %q with %.20q, want %q with %.20q", got.Name, got.Data, channel, ev.Data)
			}
		}
	}
}

// taken is what a client got that was slow.
type taken struct {
	events map[string][]int // by channel, the numbers of their events
	resets []reset
	last   string // the last event ID
	err    error  // why it ended, or nil at the event "after"
}

// reset is a reset event that a client got.
type reset struct {
	data   string
	behind int // how many events of "skip" came before
}

// takeAll reads up to the event with the data "after", or the end.
func (r *reply) takeAll() taken {
	all := taken{events: make(map[string][]int)}
	last := core.Position{}
	for {
		ev, err := r.read()
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

// wantPrefix checks that what came of a channel are its first events, and not
// all.
func (a taken) wantPrefix(t *testing.T, channel string) {
	got := a.events[channel]
	for i, n := range got {
		if n != i {
			t.Fatalf("events of %s: got %v, want them in order", channel, got)
		}
	}
	if len(got) >= floodEvents-ringOf {
		t.Fatalf("events of %s: got %d of %d, want fewer: nobody was slow", channel, len(got), floodEvents)
	}
}

// testSlowPolicies has clients stop reading, and read on when more was
// published than the rings hold: each meets its channels' policies.
func testSlowPolicies(t *testing.T, e env) {
	b := newBed(t, e, policies(0, 0))
	b.sendBuffer = floodBuffer
	gate := b.gate(core.GateConfig{})
	for path, channels := range map[string][]string{
		"/well": {"evict", "skip", "conflate", "side"}, "/evict": {"evict"}, "/skip": {"skip"},
		"/both": {"skip", "side"}, "/conflate": {"conflate"}, "/mixed": {"conflate", "side", "skip"},
	} {
		b.get(path, gate.Subscribe(channels...))
	}
	b.start(t)
	well := b.client(t).open(t, "/well")
	slow := make(map[string]*reply)
	for _, path := range []string{"/evict", "/skip", "/both", "/conflate", "/mixed"} {
		slow[path] = b.narrowClient(t, 8<<10, 64<<10).open(t, path)
		slow[path].greeted(t)
	}
	b.flood(t, well)

	done := make(map[string]<-chan taken)
	for path, r := range slow {
		done[path] = r.takeLater()
	}
	evicted := receive(t, done["/evict"], "events of the evicted")
	evicted.wantPrefix(t, "evict")
	if !errors.Is(evicted.err, io.EOF) || len(evicted.resets) > 0 {
		t.Errorf("evicted: got %v and resets %v, want a decent end", evicted.err, evicted.resets)
	}
	if got := b.closed(t); !wraps(got.Reason, core.ErrSlow) {
		t.Errorf("summary of the evicted: got %+v, want ErrSlow", got)
	}
	b.caughtUp(t)
	for _, channel := range []string{"skip", "side", "conflate"} {
		b.publish(t, channel, core.Event{Name: channel, Data: "after"})
	}
	got := make(map[string]taken)
	for _, path := range []string{"/skip", "/both", "/conflate", "/mixed"} {
		got[path] = receive(t, done[path], "events of "+path)
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
	// Who skipped comes back without a gap.
	again := b.client(t).open(t, "/skip", "Last-Event-ID", got["/skip"].last)
	b.publish(t, "skip", core.Event{Name: "skip", Data: "again"})
	again.wantData(t, "again")
}

// takeLater has takeAll read while the test goes on.
func (r *reply) takeLater() <-chan taken {
	done := make(chan taken, 1)
	go func() { done <- r.takeAll() }()
	return done
}

// caughtUp waits until nothing waits in a ring for anybody.
func (b *bed) caughtUp(t *testing.T) {
	eventually(t, "events that wait in rings", 0, func() int {
		lag := 0
		for _, s := range b.hub.AllStreams() {
			lag += s.Info().LagEvents
		}
		return lag
	})
}

// wantSkipped checks what came of the channel that skips: all events, except
// for those of which a reset says, in their place, that they were left out.
// There is one reset, or a few where the client's sockets took more in the
// middle of the flood.
func (a taken) wantSkipped(t *testing.T, path string) {
	got := a.events["skip"]
	if a.err != nil || len(a.resets) == 0 {
		t.Fatalf("%s: got %v, resets %v, want one and no end", path, a.err, a.resets)
	}
	next, sent := 0, 0 // the number of the event that is to come, and how many came
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

// bounds returns the sequence numbers of a reset that says that something was
// skipped.
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
		t.Fatalf("got reset %q, want one about what was skipped", r.data)
	}
	return int(from.Seq), int(to.Seq) //nolint:gosec // They are small.
}

// wantConflated checks what came of the channel that conflates: the first
// events, and of each key the last.
func (a taken) wantConflated(t *testing.T, path string) {
	got := a.events["conflate"]
	if len(got) >= floodEvents-ringOf || len(got) < floodKeys || a.err != nil {
		t.Fatalf("%s: got %v, %v, want fewer than %d", path, got, a.err, floodEvents-ringOf)
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

// testSlowPatience has clients take nothing for longer than the write timeout:
// where all their channels skip or conflate, they are kept, for the longest of
// their times.
func testSlowPatience(t *testing.T, e env) {
	const timeout, brief = 300 * time.Millisecond, 900 * time.Millisecond
	b := newBed(t, e, policies(patience, brief))
	b.sendBuffer = floodBuffer
	gate := b.gate(core.GateConfig{WriteTimeout: timeout})
	b.get("/well", b.gate(core.GateConfig{}).Subscribe("evict", "skip", "conflate", "side"))
	b.get("/kept", gate.Subscribe("skip", "conflate"))
	b.get("/brief", gate.Subscribe("conflate"))
	b.get("/ended", gate.Subscribe("skip", "conflate", "evict"))
	b.start(t)
	well := b.client(t).open(t, "/well")
	slow := make(map[string]*reply)
	for _, path := range []string{"/kept", "/brief", "/ended"} {
		slow[path] = b.narrowClient(t, 8<<10, 64<<10).open(t, path)
		slow[path].greeted(t)
	}
	b.flood(t, well)
	// Where it still takes a little now and then, it is too slow before it has
	// taken nothing for long.
	if got := b.closed(t); !wraps(got.Reason, core.ErrWriteTimeout) && !wraps(got.Reason, core.ErrSlow) {
		t.Errorf("summary of the one with a channel that evicts: got %+v, want ErrWriteTimeout or ErrSlow", got)
	}
	if got := b.closed(t); !wraps(got.Reason, core.ErrWriteTimeout) || got.Duration < brief {
		t.Errorf("summary of the second: got %+v, want ErrWriteTimeout after its channel's patience", got)
	}
	if n := len(b.closes); n > 0 {
		t.Fatalf("ended: got %+v, want it kept", <-b.closes)
	}
	done := slow["/kept"].takeLater()
	b.caughtUp(t)
	b.publish(t, "skip", core.Event{Name: "skip", Data: "after"})
	all := receive(t, done, "events of the one that is kept")
	all.wantSkipped(t, "kept")
	all.wantConflated(t, "kept")
}
