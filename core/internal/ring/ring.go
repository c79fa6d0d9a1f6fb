// Package ring holds the newest items of a sequence in order, counts their
// bytes, and finds the items after a sequence number.
package ring

import "sort"

// Item is an element of a ring: it has a place in a sequence and a size.
type Item interface {
	// Seq is the item's sequence number. It grows from item to item, with gaps.
	Seq() uint64
	// Until is the sequence number of the last item that belongs together with
	// this one.
	Until() uint64
	// Size is the size of the item, in bytes.
	Size() int
}

// Ring is a queue of items. It grows as items are pushed and shrinks as they
// are dropped. The zero value is an empty ring. It is not safe for concurrent
// use.
type Ring[T Item] struct {
	buf   []T // its length is 0 or a power of two
	start int
	n     int
	bytes int
}

// minimum is the smallest capacity that a ring allocates.
const minimum = 4

// Len returns the number of items in the ring.
func (r *Ring[T]) Len() int { return r.n }

// Bytes returns the size of all items together.
func (r *Ring[T]) Bytes() int { return r.bytes }

// At returns the i-th item, counted from the oldest.
func (r *Ring[T]) At(i int) T { return r.buf[(r.start+i)&(len(r.buf)-1)] }

// Push appends the newest item.
func (r *Ring[T]) Push(item T) {
	if r.n == len(r.buf) {
		r.resize(max(minimum, 2*len(r.buf)))
	}
	r.buf[(r.start+r.n)&(len(r.buf)-1)] = item
	r.n++
	r.bytes += item.Size()
}

// Drop removes the oldest item and returns it. The ring must not be empty.
func (r *Ring[T]) Drop() T {
	var zero T
	item := r.buf[r.start]
	r.buf[r.start] = zero
	r.start = (r.start + 1) & (len(r.buf) - 1)
	r.n--
	r.bytes -= item.Size()
	if len(r.buf) > minimum && r.n <= len(r.buf)/4 {
		r.resize(len(r.buf) / 2)
	}
	return item
}

// After returns the index of the first item whose sequence number is greater
// than seq, or Len if there is none.
func (r *Ring[T]) After(seq uint64) int {
	if r.n == 0 || r.At(r.n-1).Seq() <= seq {
		return r.n
	}
	return sort.Search(r.n, func(i int) bool { return r.At(i).Seq() > seq })
}

func (r *Ring[T]) resize(size int) {
	buf := make([]T, size)
	for i := range r.n {
		buf[i] = r.At(i)
	}
	r.buf, r.start = buf, 0
}
