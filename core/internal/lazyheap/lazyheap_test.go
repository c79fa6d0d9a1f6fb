package lazyheap_test

import (
	"math/rand/v2"
	"testing"

	"github.com/tidings-go/tidings/core/internal/lazyheap"
)

// item is an element whose key grows.
type item struct {
	place lazyheap.Handle
	age   uint64
}

func (th *item) Handle() *lazyheap.Handle { return &th.place }

// After any additions, removals and growth of keys, the first item has the
// lowest key.
func TestFirstIsOldest(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 8))
		var q lazyheap.Heap[*item]
		in := make(map[*item]bool)
		var all []*item
		for turn := range 2000 {
			switch n := random.IntN(10); {
			case n < 3 || len(all) == 0:
				th := &item{age: random.Uint64N(1000)}
				q.Add(th, random.Uint64N(th.age+1))
				all, in[th] = append(all, th), true
			case n < 5:
				th := all[random.IntN(len(all))]
				q.Remove(th)
				delete(in, th)
			case n < 6:
				th := all[random.IntN(len(all))]
				q.Add(th, th.age)
				in[th] = true
			default:
				all[random.IntN(len(all))].age += random.Uint64N(50)
			}
			lowest := uint64(1 << 63)
			for th := range in {
				lowest = min(lowest, th.age)
			}
			got, ok := q.First(func(th *item) uint64 { return th.age })
			if ok != (len(in) > 0) || ok && (got.age != lowest || !in[got]) || q.Len() != len(in) {
				t.Fatalf("seed %d, turn %d: got %+v of %d, want the age %d of %d", seed, turn, got, q.Len(), lowest, len(in))
			}
		}
	}
}
