package ring_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tidings-go/tidings/core/internal/ring"
)

// item is a sequence number with a size.
type item struct {
	seq  uint64
	size int
}

func (i item) Seq() uint64 { return i.seq }

func (i item) Size() int { return i.size }

func (i item) Until() uint64 { return i.seq }

func TestRingIsEmptyAtFirst(t *testing.T) {
	t.Parallel()
	var r ring.Ring[item]
	if r.Len() != 0 || r.Bytes() != 0 || r.After(0) != 0 || r.After(7) != 0 {
		t.Errorf("zero value: got %d items, %d bytes, After %d and %d, want 0 of each", r.Len(), r.Bytes(), r.After(0), r.After(7))
	}
}

// matches compares a ring with the plain slice that it should stand for.
func matches(t *testing.T, r *ring.Ring[item], model []item) {
	t.Helper()
	bytes := 0
	for i, want := range model {
		bytes += want.size
		if got := r.At(i); got != want {
			t.Fatalf("At(%d): got %v, want %v", i, got, want)
		}
	}
	if r.Len() != len(model) || r.Bytes() != bytes {
		t.Fatalf("got %d items of %d bytes, want %d of %d", r.Len(), r.Bytes(), len(model), bytes)
	}
	seqs := []uint64{0, 1, 1<<64 - 1}
	for _, m := range model {
		seqs = append(seqs, m.seq-1, m.seq, m.seq+1)
	}
	for _, seq := range seqs {
		want := slices.IndexFunc(model, func(m item) bool { return m.seq > seq })
		if want < 0 {
			want = len(model)
		}
		if got := r.After(seq); got != want {
			t.Fatalf("After(%d) in %v: got %d, want %d", seq, model, got, want)
		}
	}
}

func TestRingIsASlice(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 1))
		var r ring.Ring[item]
		var model []item
		seq := uint64(0)
		target := 1 + random.IntN(70) // grow to about this, then shrink
		growing := true
		for range 400 {
			if len(model) == 0 {
				growing = true
			} else if len(model) >= target {
				growing = false
			}
			if growing != (random.IntN(5) == 0) || len(model) == 0 {
				seq += 1 + random.Uint64N(4)
				it := item{seq, random.IntN(100)}
				r.Push(it)
				model = append(model, it)
			} else {
				if got := r.Drop(); got != model[0] {
					t.Fatalf("Drop: got %v, want %v", got, model[0])
				}
				model = model[1:]
			}
			matches(t, &r, model)
		}
	}
}

// FuzzRing pushes on a positive byte that many, and drops on a negative.
func FuzzRing(f *testing.F) {
	f.Add([]byte{4, 0xff, 1, 1, 0x80})
	f.Add([]byte{127, 127, 0x80, 0x80, 1, 0xff})
	f.Fuzz(func(t *testing.T, steps []byte) {
		var r ring.Ring[item]
		var model []item
		for i, step := range steps[:min(len(steps), 64)] {
			n := int(int8(step))
			for ; n > 0; n-- {
				it := item{uint64(i)<<8 + 128 - uint64(n), n}
				r.Push(it)
				model = append(model, it)
			}
			for ; n < 0 && len(model) > 0; n++ {
				if got := r.Drop(); got != model[0] {
					t.Fatalf("Drop: got %v, want %v", got, model[0])
				}
				model = model[1:]
			}
			matches(t, &r, model)
		}
	})
}

// A ring at a steady size allocates nothing.
func TestRingReusesItsRoom(t *testing.T) { //nolint:paralleltest // It counts allocations.
	var r ring.Ring[item]
	seq := uint64(0)
	for range 100 {
		seq++
		r.Push(item{seq, 1})
	}
	got := testing.AllocsPerRun(1000, func() {
		seq++
		r.Push(item{seq, 1})
		r.Drop()
	})
	if got != 0 {
		t.Errorf("Push and Drop at a steady size: got %v allocations, want 0", got)
	}
}
