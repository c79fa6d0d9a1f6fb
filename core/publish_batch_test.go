package core_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core"
)

// together publishes events together: each of the texts is data for "a", or a
// channel's name, a space and data.
func together(t *testing.T, hub *core.Hub, texts ...string) []string {
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

// on puts a channel's name before each of the data.
func on(channel string, data ...string) []string {
	texts := make([]string, len(data))
	for i, d := range data {
		texts[i] = channel + " " + d
	}
	return texts
}

// A batch at the end of what is taken at once neither hides nor repeats what
// follows it, wherever it lies.
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
						c, goOn := halting(t, hub, core.Subscription{Channels: channels})
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
						together(t, hub, batch...)
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
