package middleware

import (
	"container/heap"
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// SpentTickets remembers which tickets have been redeemed. A Node of package
// [github.com/tidings-go/tidings/core/cluster] makes tickets single-use across
// machines that share a store.
//
// Spend records an ID, and reports whether it was the first to do so. Of calls
// with the same ID, on all machines and at the same time, exactly one returns
// true. The ID may be forgotten after the given time. An error means that this
// is not known: the request is then refused for the moment. Spend must be safe
// for concurrent use. IDs have 32 bytes at most.
type SpentTickets interface {
	Spend(ctx context.Context, id string, until time.Time) (first bool, err error)
}

// ErrSpentFull is returned by [MemorySpentTickets] that hold as many IDs as they
// may.
var ErrSpentFull = errors.New("tidings: too many spent tickets")

// MemorySpentTickets are [SpentTickets] of one process. Once they are full, they
// refuse new IDs until the first of the old ones is over: that a ticket was spent
// is never forgotten too early.
type MemorySpentTickets struct {
	max int

	// mu guards the fields below.
	mu  sync.Mutex
	ids map[string]struct{}
	end spentHeap // the same IDs, by their time
}

var _ SpentTickets = (*MemorySpentTickets)(nil)

// NewMemorySpentTickets returns a store for a number of IDs at most, of about 150
// bytes each. Zero or less means 100,000.
func NewMemorySpentTickets(most int) *MemorySpentTickets {
	if most <= 0 {
		most = 100_000
	}
	return &MemorySpentTickets{max: most, ids: make(map[string]struct{})}
}

// Spend implements [SpentTickets]. It does not block.
func (m *MemorySpentTickets) Spend(_ context.Context, id string, until time.Time) (first bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for now := time.Now(); len(m.end) > 0 && now.After(m.end[0].until); {
		delete(m.ids, m.end[0].id)
		heap.Pop(&m.end)
	}
	if _, spent := m.ids[id]; spent {
		return false, nil
	}
	if len(m.ids) >= m.max {
		return false, ErrSpentFull
	}
	id = strings.Clone(id)
	m.ids[id] = struct{}{}
	heap.Push(&m.end, spent{id, until})
	return true, nil
}

// spent is a spent ticket's ID, which can be forgotten at some time.
type spent struct {
	id    string
	until time.Time
}

// spentHeap has the ID that can be forgotten first at its front.
type spentHeap []spent

var _ heap.Interface = (*spentHeap)(nil)

// Len implements [heap.Interface].
func (h *spentHeap) Len() int { return len(*h) }

// Less implements [heap.Interface].
func (h *spentHeap) Less(i, j int) bool { return (*h)[i].until.Before((*h)[j].until) }

// Swap implements [heap.Interface].
func (h *spentHeap) Swap(i, j int) { (*h)[i], (*h)[j] = (*h)[j], (*h)[i] }

// Push implements [heap.Interface].
func (h *spentHeap) Push(x any) {
	one, _ := x.(spent) // the heap holds nothing else
	*h = append(*h, one)
}

// Pop implements [heap.Interface].
func (h *spentHeap) Pop() any {
	end := len(*h) - 1
	last := (*h)[end]
	(*h)[end] = spent{}
	*h = (*h)[:end]
	return last
}
