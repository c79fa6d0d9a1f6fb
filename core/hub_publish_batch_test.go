package core_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core"
)

// publishBatch publishes events together: each of the texts is data for "a", or a
// channel's name, a space and data.
func publishBatch(t *testing.T, hub *core.Hub, texts ...string) []string {
	t.Helper()
	batch := make([]core.Publication, len(texts))
	for i, text := range texts {
		batch[i] = core.Publication{Channel: "a", Event: core.Event{Data: text}}
		if channel, data, ok := strings.Cut(text, " "); ok {
			batch[i] = core.Publication{Channel: channel, Event: core.Event{Data: data}}
		}
	}
	ids, err := hub.PublishBatch(t.Context(), batch...)
	if err != nil {
		t.Fatalf("PublishBatch of %d: %v", len(texts), err)
	}
	return ids
}

// onChannel puts a channel's name before each of the data.
func onChannel(channel string, data ...string) []string {
	texts := make([]string, len(data))
	for i, d := range data {
		texts[i] = channel + " " + d
	}
	return texts
}

// A batch at the boundary of two writes neither hides nor repeats what follows
// it.
func TestBatchIsFollowedByTheRest(t *testing.T) {
	t.Parallel()
	for _, channels := range [][]string{{"a"}, {"a", "b"}} {
		for _, before := range []int{0, 1, 200, 254, 255, 256, 257, 300} {
			for _, size := range []int{1, 2, 60, 512} {
				name := fmt.Sprintf("%d channels, %d before, batch of %d", len(channels), before, size)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						hub := openHub(t, core.HubConfig{RingEvents: 2000})
						c, goOn := consumeHalting(t, hub, core.Subscription{Channels: channels})
						synctest.Wait()
						publish(t, hub, "a", "first")
						c.wants(t, "at the first", "first")
						var want []string
						add := func(channel, n string) string {
							if channel == "a" {
								want = append(want, n)
							} else {
								want = append(want, channel+" "+n)
							}
							return channel + " " + n
						}
						for i := range before {
							add("a", strconv.Itoa(i))
							publish(t, hub, "a", strconv.Itoa(i))
						}
						var batch []string
						for i := range size {
							channel := channels[i*i%len(channels)]
							batch = append(batch, add(channel, "of batch "+strconv.Itoa(i)))
						}
						publishBatch(t, hub, batch...)
						for i := range 400 {
							channel := channels[i%len(channels)]
							add(channel, strconv.Itoa(i))
							publish(t, hub, channel, strconv.Itoa(i))
						}
						goOn()
						c.wants(t, "let go", slices.Concat([]string{"first"}, want)...)
					})
				})
			}
		}
	}
}

// Either all events of a batch are published or none, with an error.
func TestPublishBatchRefuses(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{
		MaxEvent: 5000, RingEvents: 600,
		Channels: []core.ChannelConfig{{Pattern: "few", RingEvents: 3}, {Pattern: "small", RingBytes: 1100}},
	})
	ok := core.Publication{Channel: "a", Event: core.Event{Data: "x"}}
	times := func(n int, p core.Publication) []core.Publication { return slices.Repeat([]core.Publication{p}, n) }
	data := func(channel string, bytes int) core.Publication {
		return core.Publication{Channel: channel, Event: core.Event{Data: strings.Repeat("x", bytes)}}
	}
	id := publish(t, hub, "a", "first")[0]
	for _, test := range []struct {
		name  string
		batch []core.Publication
		want  error // nil: it is published
		field bool  // the error is a FieldError
	}{
		{"none", nil, nil, false},
		{"one", times(1, ok), nil, false},
		{"as many as go", times(core.MaxBatch, ok), nil, false},
		{"one more", times(core.MaxBatch+1, ok), core.ErrTooLarge, false},
		{"bad event in the middle", append(times(2, ok), core.Publication{Channel: "a", Event: core.Event{Name: "x\ny"}}, ok), nil, true},
		{"no channel at the end", append(times(2, ok), core.Publication{}), core.ErrChannelName, false},
		{"reserved ID", append(times(2, ok), core.Publication{Channel: "a", Event: core.Event{ID: id}}), core.ErrReservedID, false},
		{"no audience", append(times(2, ok), core.Publication{Channel: "a", To: core.ToGroup("")}), core.ErrAudience, false},
		{"gone", append(times(2, ok), core.Publication{Channel: "~" + strings.Repeat("A", 26)}), core.ErrChannelGone, false},
		{"bytes of all", append(times(2, data("a", 2490)), ok), core.ErrTooLarge, false},
		{"just the bytes", times(2, data("a", 2490)), nil, false},
		{"as many as the ring", times(3, data("few", 1)), nil, false},
		{"more than the ring", times(4, data("few", 1)), core.ErrTooLarge, false},
		{"more than one of the rings", append(times(3, data("few", 1)), ok), core.ErrTooLarge, false},
		{"as large as the ring, with what they cost", times(4, data("small", 30)), nil, false},
		{"larger than the ring, with what they cost", times(5, data("small", 30)), core.ErrTooLarge, false},
		{"one that is larger than the ring", times(1, data("small", 3000)), nil, false},
	} {
		before := hub.Stats().Published
		ids, err := hub.PublishBatch(t.Context(), test.batch...)
		var field *core.FieldError
		switch {
		case test.want != nil || test.field:
			if !errors.Is(err, test.want) && test.want != nil || errors.As(err, &field) != test.field || ids != nil {
				t.Errorf("%s: got %v and %d IDs, want an error that wraps %v", test.name, err, len(ids), test.want)
			}
			if got := hub.Stats().Published; got != before {
				t.Errorf("%s: got %d published all the same", test.name, got-before)
			}
		case err != nil || len(ids) != len(test.batch) || !ascending(ids):
			t.Errorf("%s: got %d IDs, %v, want %d, going up", test.name, len(ids), err, len(test.batch))
		}
	}
	if err := hub.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if _, err := hub.PublishBatch(t.Context(), ok); !errors.Is(err, core.ErrHubClosed) {
		t.Errorf("after Close: got %v, want ErrHubClosed", err)
	}
}

// A batch that fills the ring reaches subscribers that are up to date as a
// whole.
func TestPublishBatchFillsTheRing(t *testing.T) {
	t.Parallel()
	for _, policy := range []core.SlowPolicy{core.Evict, core.Skip, core.Conflate} {
		synctest.Test(t, func(t *testing.T) {
			hub := openHub(t, core.HubConfig{Channels: []core.ChannelConfig{{Pattern: "*", Slow: policy, RingEvents: 100, RingBytes: 26_000}}})
			c := consume(t, hub, core.Subscription{Channels: []string{"a"}})
			c.wants(t, "live")
			var want []string
			for turn := range 10 {
				batch := make([]core.Publication, 100)
				for i := range batch {
					data := fmt.Sprintf("%d of %d", i, turn)
					want = append(want, data)
					batch[i] = core.Publication{Channel: "a", Event: core.Event{Data: data, Key: strconv.Itoa(i)}}
				}
				if _, err := hub.PublishBatch(t.Context(), batch...); err != nil {
					t.Fatalf("PublishBatch: %v", err)
				}
				c.wants(t, "batch", want...)
			}
		})
	}
}

// Events of other publishers come before or after a batch, not within it.
func TestPublishBatchIsNotComeBetween(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{RingEvents: 1 << 15, Store: core.NewMemoryStore(core.Retention{Events: -1})})
	var publishing sync.WaitGroup
	for range 4 {
		publishing.Go(func() {
			for i := range 100 {
				ids := publishBatch(t, hub, "a 1", "b 2", "a 3", "c 4", "b 5")
				first, _ := core.ParsePosition(ids[0])
				last, _ := core.ParsePosition(ids[4])
				if last.Seq-first.Seq != 4 {
					t.Errorf("batch %d: got positions %s", i, ids)
				}
				publish(t, hub, "b", "alone")
			}
		})
	}
	publishing.Wait()
}
