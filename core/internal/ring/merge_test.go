package ring_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tidings-go/tidings/core/internal/ring"
)

func TestMerge(t *testing.T) {
	t.Parallel()
	a, b, c := item{1, 10}, item{2, 10}, item{3, 10}
	for _, test := range []struct {
		name               string
		lists              [][]item
		maxItems, maxBytes int
		want               []item
		all                bool
	}{
		{"no lists", nil, 1, 1, nil, true},
		{"empty lists", [][]item{nil, {}}, 1, 1, nil, true},
		{"in order", [][]item{{b}, {a, c}}, 3, 30, []item{a, b, c}, true},
		{"one more than items", [][]item{{b}, {a, c}}, 2, 30, []item{a, b}, false},
		{"one more than bytes", [][]item{{b}, {a, c}}, 3, 29, []item{a, b}, false},
		{"at least one", [][]item{{b}, {a, c}}, 0, 0, []item{a}, false},
		{"only one, too large", [][]item{{a}}, 1, 1, []item{a}, true},
		{"only one", [][]item{{a}}, 0, 0, []item{a}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, all := ring.Merge(nil, test.lists, test.maxItems, test.maxBytes, false)
			if !slices.Equal(got, test.want) || all != test.all {
				t.Errorf("got %v, %t, want %v, %t", got, all, test.want, test.all)
			}
		})
	}
}

func TestMergeAppends(t *testing.T) {
	t.Parallel()
	before := []item{{9, 1}, {9, 1}}
	got, all := ring.Merge(before, [][]item{{{1, 1}, {2, 1}}}, 1, math.MaxInt, false)
	if want := []item{{9, 1}, {9, 1}, {1, 1}}; !slices.Equal(got, want) || all {
		t.Errorf("got %v, %t, want %v, false: what was there does not count", got, all, want)
	}
}

func TestMergeIsASort(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 2))
		lists := make([][]item, random.IntN(6))
		var model []item
		for seq := range random.Uint64N(40) {
			if len(lists) == 0 {
				break
			}
			it := item{seq + 1, random.IntN(50)}
			at := random.IntN(len(lists))
			lists[at] = append(lists[at], it)
			model = append(model, it)
		}
		slices.SortFunc(model, func(a, b item) int { return cmp.Compare(a.seq, b.seq) })
		maxItems, maxBytes := random.IntN(45), random.IntN(1000)
		want, bytes := 0, 0
		for want < len(model) && (want == 0 || want < maxItems && bytes+model[want].size <= maxBytes) {
			bytes += model[want].size
			want++
		}
		got, all := ring.Merge(nil, lists, maxItems, maxBytes, false)
		if !slices.Equal(got, model[:want]) || all != (want == len(model)) {
			t.Fatalf("seed %d, at most %d items and %d bytes: got %v, %t, want %v of %v", seed, maxItems, maxBytes, got, all, model[:want], model)
		}
	}
}
