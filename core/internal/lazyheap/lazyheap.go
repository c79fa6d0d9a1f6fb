// Package lazyheap finds the value with the lowest age, where ages go up without
// a word to the heap: it looks at a value's age only when it has to.
package lazyheap

// Handle is where a value stands in a heap. The value holds it; what guards the
// heap guards it, too. The zero Handle is that of a value in no heap.
type Handle struct {
	age uint64 // when it was last looked at: no more than its age is
	at  int    // its index plus 1; 0 if it is in no heap
}

// In reports whether the value is in a heap.
func (h *Handle) In() bool { return h.at > 0 }

// Heap holds values, each with an age that never goes down. The zero Heap is
// empty. It is not safe for concurrent use.
type Heap[T interface{ Handle() *Handle }] struct {
	values []T
}

// Len returns how many values there are.
func (h *Heap[T]) Len() int { return len(h.values) }

// Add adds a value, unless it is there. Its age is at least the one given.
func (h *Heap[T]) Add(x T, age uint64) {
	s := x.Handle()
	if s.at > 0 {
		return
	}
	h.values = append(h.values, x)
	s.age, s.at = age, len(h.values)
	h.up(len(h.values) - 1)
}

// Remove removes a value, if it is there.
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

// First returns the value with the lowest age, given what tells a value's age. It
// reports false if there is none.
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
