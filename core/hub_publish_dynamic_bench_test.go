package core_test

import (
	"strconv"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// BenchmarkPublishDynamic publishes each event to a new channel, which evicts
// others.
func BenchmarkPublishDynamic(b *testing.B) {
	for _, channels := range []int{1000, 100_000} {
		b.Run(strconv.Itoa(channels), func(b *testing.B) {
			b.ReportAllocs()
			const each = 1000 // at least, in both
			h := core.NewHub(core.HubConfig{
				TotalRingBytes: channels * each,
				Store:          core.NewMemoryStore(core.Retention{TotalBytes: channels * each}),
			})
			defer func() { _ = h.Close() }()
			n := 0
			publish := func() {
				n++
				if _, err := h.Publish(b.Context(), strconv.Itoa(n), core.Event{Data: "x"}); err != nil {
					b.Fatal(err)
				}
			}
			for range 2 * channels {
				publish()
			}
			for b.Loop() {
				publish()
			}
		})
	}
}
