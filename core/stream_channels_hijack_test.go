//go:build linux

//nolint:thelper // These are tests: a failure is at a line of theirs.
package core_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// publishBoth publishes numbered events of some size to two channels in turn, and returns
// their IDs.
func publishBoth(t *testing.T, hub *core.Hub, from, to int) (ids []string) {
	for i := from; i < to; i++ {
		for _, channel := range []string{"a", "b"} {
			id, err := hub.Publish(t.Context(), channel, core.Event{
				Name: channel + strconv.Itoa(i), Data: strings.Repeat("x", 8<<10), Key: strconv.Itoa(i),
			})
			if err != nil {
				t.Fatalf("Publish: %v", err)
			}
			ids = append(ids, id)
		}
	}
	return ids
}

// eventNames returns what numbered events are called.
func eventNames(channels string, from, to int) (all []string) {
	for i := from; i < to; i++ {
		for _, c := range channels {
			all = append(all, string(c)+strconv.Itoa(i))
		}
	}
	return all
}

// The channels of a stalled client change, while it is live and while it reads
// history. Events that are prepared again after a partial write are those of
// its new channels.
func TestHijackChangeWhileStalled(t *testing.T) {
	t.Parallel()
	for start, sub := range map[string]core.Subscription{
		"live": {}, "earliest": {Start: core.Earliest()}, "last": {Start: core.Last(50)},
		"snapshot": {Start: core.Snapshot()}, "after": {After: "the 10th"},
	} {
		for op, change := range map[string]struct{ add, remove []string }{
			"add": {[]string{"b"}, nil}, "again": {[]string{"a"}, []string{"a"}}, "replace": {[]string{"b"}, []string{"a"}},
		} {
			t.Run(start+" "+op, func(t *testing.T) {
				t.Parallel()
				changeWhileStalled(t, sub, start == "live", func(s *core.Stream) error { return s.ChangeChannels(change.add, change.remove) },
					map[string]string{"add": "ab", "again": "a", "replace": "b"}[op])
			})
		}
	}
}

func changeWhileStalled(t *testing.T, sub core.Subscription, live bool, change func(*core.Stream) error, then string) {
	const before, after = 120, 150
	// What is published after the change fits into the rings; otherwise the
	// live client would be evicted.
	cfg := core.HubConfig{RingEvents: after - before + 5}
	if live {
		cfg = core.HubConfig{RingBytes: 1 << 30}
	}
	hub := openHub(t, cfg)
	sub.Channels = []string{"a"}
	f := openFixture(t, hub, core.GateConfig{}, map[string]func(*core.Gate) *core.Endpoint{
		"/": func(g *core.Gate) *core.Endpoint {
			return g.SubscribeFunc(func(*core.Handshake) (core.Subscription, error) { return sub, nil })
		},
	})
	first := 0
	if !live {
		ids := publishBoth(t, hub, 0, before)
		if sub.After != "" {
			sub.After = ids[2*9]
			first = 10
		} else if sub.Start == core.Last(50) {
			first = before - 50
		}
	}
	c := f.open(t, "/", "", 8<<10)
	s := ssetest.Receive(t, f.Opened, "stream")
	if live {
		c.readPrelude(t)
		publishBoth(t, hub, 0, before)
	}
	// The socket's buffers are full, or about to be.
	eventually(t, "events that are not sent yet", 0, func() int { return 1 - int(min(s.Info().SentEvents, 1)) })
	if err := change(s); err != nil {
		t.Fatalf("change: %v", err)
	}
	publishBoth(t, hub, before, after)
	last := then[len(then)-1:] + strconv.Itoa(after-1)
	var got []string
	for len(got) == 0 || got[len(got)-1] != last {
		ev, err := c.dec.Next()
		if err != nil {
			t.Fatalf("after %q: %v, reason %v", got, err, s.Err())
		}
		got = append(got, ev.Name)
	}
	old, fresh := eventNames("a", first, before), eventNames(then, before, after)
	if strings.Contains(then, "a") && strings.Contains(then, "b") {
		if want := slices.Concat(old, fresh); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		return
	}
	n := len(got) - len(fresh)
	if n < 1 || n >= len(old) || !slices.Equal(got, slices.Concat(old[:n], fresh)) {
		t.Errorf("got %q, want some of %q and then %q", got, old, fresh)
	}
}

// The channels of a slow client change all the time, until its stream is
// closed. It receives events in order, and none that was published while the
// stream was not on the channel.
func TestHijackChangeAgainAndAgain(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{RingBytes: 1 << 30})
	f := openFixture(t, hub, core.GateConfig{}, map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a")})
	c := f.open(t, "/", "", 8<<10)
	s := ssetest.Receive(t, f.Opened, "stream")
	c.readPrelude(t)
	var want []string
	for i := range 40 {
		on := fmt.Sprint("on ", i)
		if err := s.AddChannels("b", on); err != nil {
			t.Fatalf("AddChannels: %v", err)
		}
		publishBoth(t, hub, i, i+1)
		publish(t, hub, on, "x")
		if err := s.RemoveChannels(on); err != nil {
			t.Fatalf("RemoveChannels: %v", err)
		}
		publish(t, hub, on, "not for it")
		if i%2 == 0 {
			if err := s.ChangeChannels([]string{"b"}, []string{"b"}); err != nil {
				t.Fatalf("ChangeChannels: %v", err)
			}
		}
		want = append(want, fmt.Sprint("a", i), fmt.Sprint("b", i))
	}
	publish(t, hub, "a", "end")
	var got []string
	for {
		ev, err := c.dec.Next()
		if err != nil || ev.Data == "not for it" {
			t.Fatalf("got %q, then %.20q and %v", got, ev.Data, err)
		}
		if ev.Data == "end" {
			break
		}
		if ev.Name != "" {
			got = append(got, ev.Name)
		}
	}
	// Events of b that were not yet sent when b was removed are not sent.
	n := 0
	for _, name := range want {
		if n < len(got) && got[n] == name {
			n++
		} else if strings.HasPrefix(name, "a") {
			t.Errorf("missed %s", name)
		}
	}
	if n != len(got) {
		t.Errorf("got %q, want some of %q", got, want)
	}
	_ = s.Close()
	if sum := f.Closed(t); !errors.Is(sum.Reason, core.ErrClosed) {
		t.Errorf("summary: got %+v, want ErrClosed", sum)
	}
}
