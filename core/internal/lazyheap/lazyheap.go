// Package lazyheap finds the value with the lowest age. Ages may grow without
// notice to the heap: it reads a value's age only when it must.
package lazyheap

// Handle is the place of a value in a heap. The value holds it; the lock that
// guards the heap guards the handle. The zero Handle belongs to a value in no
// heap.
type Handle struct {
	age uint64 // the age when it was last read: a lower bound
	at  int    // index plus 1; 0 if the value is in no heap
}

// In reports whether the value is in a heap.
func (h *Handle) In() bool { return h.at > 0 }

// Heap holds values, each with an age that never decreases. The zero Heap is
// empty. It is not safe for concurrent use.
type Heap[T interface{ Handle() *Handle }] struct {
	values []T
}

// Len returns the number of values.
func (h *Heap[T]) Len() int { return len(h.values) }

// Add adds a value, unless the heap has it. age is a lower bound of its age.
func (h *Heap[T]) Add(x T, age uint64) {
	s := x.Handle()
	if s.at > 0 {
		return
	}
	h.values = append(h.values, x)
	s.age, s.at = age, len(h.values)
	h.up(len(h.values) - 1)
}

// Remove removes a value, if the heap has it.
func (h *Heap[T]) Remove(x T) {
	i, end := x.Handle().at-1, len(h.values)-1
	if i < 0 {
		return
	}
	h.swap(i, end)
	var none T
	h.values[end] = none
	h.values = h.values[:end]
	x.Handle().at = 0
	if i < end {
		h.up(i)
		h.down(i)
	}
	if cap(h.values) > 1024 && end < cap(h.values)/4 {
		h.values = append(make([]T, 0, cap(h.values)/2), h.values...)
	}
}

// First returns the value with the lowest age. age returns the current age of a
// value. First reports false if the heap is empty.
func (h *Heap[T]) First(age func(T) uint64) (x T, ok bool) {
	for len(h.values) > 0 {
		x = h.values[0]
		now := age(x)
		if now <= x.Handle().age {
			return x, true
		}
		x.Handle().age = now
		h.down(0)
	}
	return x, false
}

func (h *Heap[T]) less(i, j int) bool { return h.values[i].Handle().age < h.values[j].Handle().age }

func (h *Heap[T]) swap(i, j int) {
	h.values[i], h.values[j] = h.values[j], h.values[i]
	h.values[i].Handle().at, h.values[j].Handle().at = i+1, j+1
}

func (h *Heap[T]) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.less(i, parent) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h *Heap[T]) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h.values) {
			return
		}
		if child+1 < len(h.values) && h.less(child+1, child) {
			child++
		}
		if !h.less(child, i) {
			return
		}
		h.swap(i, child)
		i = child
	}
}
