package core

// spot is where something stands in a queue of its kind.
type spot struct {
	age uint64 // when it was last looked at: no more than its age is
	at  int    // its index plus 1; 0 if it is not in the queue
}

// eldest finds the one with the lowest age. Ages go up by themselves, without a
// word to the queue: it looks only when it has to.
type eldest[T interface{ spot() *spot }] struct {
	heap []T
}

// add puts x into the queue, unless it is there.
func (q *eldest[T]) add(x T, age uint64) {
	s := x.spot()
	if s.at > 0 {
		return
	}
	q.heap = append(q.heap, x)
	s.age, s.at = age, len(q.heap)
	q.up(len(q.heap) - 1)
}

// remove takes x out of the queue, if it is there.
func (q *eldest[T]) remove(x T) {
	i, end := x.spot().at-1, len(q.heap)-1
	if i < 0 {
		return
	}
	q.swap(i, end)
	var none T
	q.heap[end] = none
	q.heap = q.heap[:end]
	x.spot().at = 0
	if i < end {
		q.up(i)
		q.down(i)
	}
	if cap(q.heap) > 1024 && end < cap(q.heap)/4 {
		q.heap = append(make([]T, 0, cap(q.heap)/2), q.heap...)
	}
}

// first returns the one with the lowest age. It reports false if there is none.
func (q *eldest[T]) first(age func(T) uint64) (x T, ok bool) {
	for len(q.heap) > 0 {
		x = q.heap[0]
		now := age(x)
		if now <= x.spot().age {
			return x, true
		}
		x.spot().age = now
		q.down(0)
	}
	return x, false
}

func (q *eldest[T]) less(i, j int) bool { return q.heap[i].spot().age < q.heap[j].spot().age }

func (q *eldest[T]) swap(i, j int) {
	q.heap[i], q.heap[j] = q.heap[j], q.heap[i]
	q.heap[i].spot().at, q.heap[j].spot().at = i+1, j+1
}

func (q *eldest[T]) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !q.less(i, parent) {
			return
		}
		q.swap(i, parent)
		i = parent
	}
}

func (q *eldest[T]) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(q.heap) {
			return
		}
		if child+1 < len(q.heap) && q.less(child+1, child) {
			child++
		}
		if !q.less(child, i) {
			return
		}
		q.swap(i, child)
		i = child
	}
}
