package core_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core"
)

func TestSubscribeStarts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		start core.Start
		want  []string
	}{
		{"by default", core.Start{}, nil},
		{"live", core.Live(), nil},
		{"earliest", core.Earliest(), numbers(1, 6)},
		{"last 1", core.Last(1), numbers(6, 6)},
		{"last 2", core.Last(2), numbers(5, 6)},
		{"last 6", core.Last(6), numbers(1, 6)},
		{"last 7", core.Last(7), numbers(1, 6)},
		{"last 0", core.Last(0), nil},
		{"last -1", core.Last(-1), nil},
		{"snapshot", core.Snapshot(), []string{"4", "5"}},
	} {
		for _, ringEvents := range []int{1, 2, 100} {
			t.Run(fmt.Sprintf("%s with a ring of %d", test.name, ringEvents), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					hub := openHub(t, core.HubConfig{RingEvents: ringEvents})
					for i, key := range []string{"", "x", "y", "y", "x", ""} {
						if _, err := hub.Publish(t.Context(), "a", core.Event{Data: numbers(i+1, i+1)[0], Key: key}); err != nil {
							t.Fatalf("Publish: %v", err)
						}
					}
					c := consume(t, hub, core.Subscription{Channels: []string{"a"}, Start: test.start})
					c.wants(t, "start", test.want...)
					publish(t, hub, "a", "7")
					c.wants(t, "one more", slices.Concat(test.want, []string{"7"})...)
					publish(t, hub, "b", "other")
					publish(t, hub, "a", "8")
					c.wants(t, "two more", slices.Concat(test.want, []string{"7", "8"})...)
				})
			})
		}
	}
}

func TestSubscribeToNothingYet(t *testing.T) {
	t.Parallel()
	for _, start := range []core.Start{core.Live(), core.Earliest(), core.Last(3), core.Snapshot()} {
		synctest.Test(t, func(t *testing.T) {
			hub := openHub(t, core.HubConfig{})
			c := consume(t, hub, core.Subscription{Channels: []string{"a"}, Start: start})
			c.wants(t, "nothing yet")
			publish(t, hub, "b", "other")
			c.wants(t, "nothing yet on a")
			publish(t, hub, "a", "1", "2")
			c.wants(t, "two", "1", "2")
		})
	}
}

func TestSubscribeAfter(t *testing.T) {
	t.Parallel()
	for _, ringEvents := range []int{1, 3, 100} {
		t.Run(fmt.Sprintf("ring of %d", ringEvents), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hub := openHub(t, core.HubConfig{RingEvents: ringEvents})
				var ids []string
				for _, d := range numbers(1, 12) {
					ev := core.Event{Data: d}
					if len(ids)%4 == 0 {
						ev.ID = "row " + d
					}
					id, err := hub.Publish(t.Context(), "a", ev)
					if err != nil {
						t.Fatalf("Publish: %v", err)
					}
					ids = append(ids, id)
				}
				for i, id := range ids {
					c := consume(t, hub, core.Subscription{Channels: []string{"a"}, After: id, Start: core.Earliest()})
					c.wants(t, "after "+id, numbers(i+2, 12)...)
					c.stop()
				}
				c := consume(t, hub, core.Subscription{Channels: []string{"a"}, After: ids[11]})
				c.wants(t, "after the newest") // and no gap
				publish(t, hub, "a", "13")
				c.wants(t, "one more", "13")
			})
		})
	}
}

func TestSubscribeMerges(t *testing.T) {
	t.Parallel()
	for _, ringEvents := range []int{1, 4, 100} {
		t.Run(fmt.Sprintf("ring of %d", ringEvents), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hub := openHub(t, core.HubConfig{RingEvents: ringEvents})
				var all, ids []string
				for i, d := range numbers(1, 40) {
					channel := []string{"b", "a", "b", "c", "a", "a", "d"}[i%7]
					ids = append(ids, publish(t, hub, channel, d)...)
					if channel == "a" {
						all = append(all, d)
					} else if channel != "c" {
						all = append(all, channel+" "+d)
					}
				}
				sub := core.Subscription{Channels: []string{"d", "a", "b", "a", "none", "d"}, Start: core.Earliest()}
				c := consume(t, hub, sub)
				c.wants(t, "earliest", all...)
				sub.After = ids[20]
				after := consume(t, hub, sub)
				after.wants(t, "after the 21st", all[18:]...) // 3 of the 21 on c
				publish(t, hub, "b", "x")
				publish(t, hub, "a", "y")
				publish(t, hub, "c", "z")
				publish(t, hub, "d", "z")
				c.wants(t, "live", slices.Concat(all, []string{"b x", "y", "d z"})...)
				if !ascending(c.ids) {
					t.Errorf("got IDs %q, want them to go up", c.ids)
				}
			})
		})
	}
}

func TestSubscribeRefuses(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	for _, test := range []struct {
		name     string
		channels []string
		want     error
	}{
		{"no channel", nil, core.ErrNoChannel},
		{"bad channel", []string{"a", ""}, core.ErrChannelName},
		{"too many channels", manyNames(core.MaxChannels + 1), core.ErrTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := 0
			for _, err := range hub.Subscribe(t.Context(), core.Subscription{Channels: test.channels, Start: core.Earliest()}) {
				if n++; !errors.Is(err, test.want) {
					t.Errorf("Subscribe: got %v, want %v", err, test.want)
				}
			}
			if n != 1 {
				t.Errorf("Subscribe: got %d errors, want 1", n)
			}
			if _, err := hub.History(t.Context(), core.Subscription{Channels: test.channels}, 1); !errors.Is(err, test.want) {
				t.Errorf("History: got %v, want %v", err, test.want)
			}
			wantChannels(t, hub, "after a refusal", 0)
		})
	}
	if _, err := hub.History(t.Context(), core.Subscription{Channels: manyNames(core.MaxChannels)}, 1); err != nil {
		t.Errorf("as many channels as are allowed: got error %v, want none", err)
	}
}

func manyNames(n int) []string {
	return strings.Split(strings.Repeat("a,", n-1)+"a", ",")
}

func TestSubscribeEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{})
		publish(t, hub, "a", "1", "2", "3")
		sub := core.Subscription{Channels: []string{"a", "b"}, Start: core.Earliest()}
		c := consume(t, hub, sub)
		c.wants(t, "history", "1", "2", "3")
		if got := c.stop(); !slices.Equal(got, []string{"1", "2", "3", "stopped"}) {
			t.Errorf("cancelled: got %q, want the cause of the context at the end", got)
		}
		wantChannels(t, hub, "after the last subscriber", 1)

		// Leaving the loop ends its subscription, and the iterator can be used
		// again.
		seq := hub.Subscribe(t.Context(), sub)
		for range 3 {
			n := 0
			for d, err := range seq {
				if n++; err != nil || d.Data != "1" {
					t.Errorf("got %+v, %v, want the first event", d, err)
				}
				wantChannels(t, hub, "within the loop", 2)
				break
			}
			if n != 1 {
				t.Errorf("got %d turns, want 1", n)
			}
			wantChannels(t, hub, "after the loop", 1)
		}

		// One that is cancelled before it begins, and one in between.
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		var got []string
		for d, err := range hub.Subscribe(ctx, sub) {
			if err != nil {
				got = append(got, errText(err))
				continue
			}
			got = append(got, d.Data)
			cancel(errStopped)
		}
		if want := []string{"1", "stopped"}; !slices.Equal(got, want) {
			t.Errorf("cancelled in the loop: got %q, want %q", got, want)
		}
		got = nil
		for _, err := range hub.Subscribe(ctx, sub) {
			got = append(got, errText(err))
		}
		if want := []string{"stopped"}; !slices.Equal(got, want) {
			t.Errorf("cancelled before: got %q, want %q", got, want)
		}
	})
}

// A consumer that panics does not stay subscribed.
func TestSubscribePanics(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	publish(t, hub, "a", "1")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("got no panic, want the consumer's")
			}
		}()
		for range hub.Subscribe(t.Context(), core.Subscription{Channels: []string{"a", "b"}, Start: core.Earliest()}) {
			panic("consumer")
		}
	}()
	wantChannels(t, hub, "after the panic", 1)
}

func TestHistory(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{RingEvents: 2, Store: core.NewMemoryStore(core.Retention{Events: 500})})
	ids := publish(t, hub, "a", numbers(1, 600)...)
	for _, test := range []struct {
		name string
		sub  core.Subscription
		n    int
		want []string
		gap  core.GapReason
	}{
		{"live", core.Subscription{}, 10, nil, ""},
		{"earliest", core.Subscription{Start: core.Earliest()}, 1000, numbers(101, 600), ""},
		{"some of the earliest", core.Subscription{Start: core.Earliest()}, 300, numbers(101, 400), ""},
		{"none", core.Subscription{Start: core.Earliest()}, 0, nil, ""},
		{"last", core.Subscription{Start: core.Last(3)}, 10, numbers(598, 600), ""},
		{"after", core.Subscription{After: ids[299]}, 1000, numbers(301, 600), ""},
		{"after the newest", core.Subscription{After: ids[599]}, 10, nil, ""},
		{"after one that is in the ring", core.Subscription{After: ids[598]}, 10, []string{"600"}, ""},
		{"after the newest that is trimmed", core.Subscription{After: ids[99]}, 2, numbers(101, 102), ""},
		{"after one that is trimmed", core.Subscription{After: ids[98]}, 2, nil, core.GapTrimmed},
		{"unknown", core.Subscription{After: "nobody's"}, 2, nil, core.GapUnknown},
		{"from before", core.Subscription{After: "1-599"}, 2, nil, core.GapRestarted},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.sub.Channels = []string{"a"}
			found, err := hub.History(t.Context(), test.sub, test.n)
			var got []string
			for _, d := range found {
				got = append(got, d.Data)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			gap := (*core.GapError)(nil)
			switch {
			case test.gap == "" && err != nil:
				t.Errorf("got error %v, want none", err)
			case test.gap != "" && (!errors.As(err, &gap) || gap.Reason != test.gap):
				t.Errorf("got error %v, want a gap: %s", err, test.gap)
			}
		})
	}
}
