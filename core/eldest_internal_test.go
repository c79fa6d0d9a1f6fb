package core

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

// thing is something that ages.
type thing struct {
	place spot
	age   uint64
}

func (th *thing) spot() *spot { return &th.place }

// Whatever is added, removed and grows older, the first is the one with the
// lowest age.
func TestEldestIsFirst(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 8))
		var q eldest[*thing]
		in := make(map[*thing]bool)
		var all []*thing
		for turn := range 2000 {
			switch n := random.IntN(10); {
			case n < 3 || len(all) == 0:
				th := &thing{age: random.Uint64N(1000)}
				q.add(th, random.Uint64N(th.age+1))
				all, in[th] = append(all, th), true
			case n < 5:
				th := all[random.IntN(len(all))]
				q.remove(th)
				delete(in, th)
			case n < 6:
				th := all[random.IntN(len(all))]
				q.add(th, th.age)
				in[th] = true
			default:
				all[random.IntN(len(all))].age += random.Uint64N(50)
			}
			lowest := uint64(1 << 63)
			for th := range in {
				lowest = min(lowest, th.age)
			}
			got, ok := q.first(func(th *thing) uint64 { return th.age })
			if ok != (len(in) > 0) || ok && (got.age != lowest || !in[got]) || len(q.heap) != len(in) {
				t.Fatalf("seed %d, turn %d: got %+v of %d, want the age %d of %d", seed, turn, got, len(q.heap), lowest, len(in))
			}
		}
	}
}

// What a publish costs when it has a channel of its own, and others give way.
func BenchmarkPublishDynamic(b *testing.B) {
	for _, channels := range []int{1000, 100_000} {
		b.Run(strconv.Itoa(channels), func(b *testing.B) {
			b.ReportAllocs()
			const each = 1000 // at least, in both
			h := NewHub(HubConfig{
				TotalRingBytes: channels * each,
				Store:          NewMemoryStore(Retention{TotalBytes: channels * each}),
			})
			defer func() { _ = h.Close() }()
			n := 0
			publish := func() {
				n++
				if _, err := h.Publish(b.Context(), strconv.Itoa(n), Event{Data: "x"}); err != nil {
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
