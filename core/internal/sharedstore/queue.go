package sharedstore

import (
	"sync"

	"github.com/tidings-go/tidings/core/history"
)

// Bounds of a batch, and of the events that wait while the storage is there.
const (
	batchRecords = 512
	batchBytes   = 4 << 20
	queueBytes   = 64 << 20
)

// request is a call of Append that waits.
type request struct {
	records []history.Record
	size    int
	done    chan struct{} // closed when entries or err is set
	entries []*history.Entry
	err     error
}

func (r *request) answer(entries []*history.Entry, err error) {
	r.entries, r.err = entries, err
	close(r.done)
}

// queue holds calls of Append, in the order in which they came.
type queue struct {
	buffer int           // bytes that may wait while the storage is away
	news   chan struct{} // capacity 1

	mu     sync.Mutex
	calls  []*request
	size   int
	closed bool
}

func (q *queue) init(buffer int) { q.buffer, q.news = buffer, make(chan struct{}, 1) }

// add queues a call. While the storage is away, there is less room; away is the
// reason then.
func (q *queue) add(r *request, away error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return history.ErrClosed
	case away != nil && q.size+r.size > q.buffer:
		return away
	case q.size+r.size > max(queueBytes, q.buffer) && q.size > 0:
		return history.ErrUnavailable
	}
	q.calls = append(q.calls, r)
	q.size += r.size
	signal(q.news)
	return nil
}

// remove takes back a call that no longer waits. It reports false if the call is
// not in the queue any more.
func (q *queue) remove(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, one := range q.calls {
		if one == r {
			q.calls = append(q.calls[:i], q.calls[i+1:]...)
			q.size -= r.size
			return true
		}
	}
	return false
}

// take returns the calls for one batch.
func (q *queue) take() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, records, bytes := 0, 0, 0
	for n < len(q.calls) {
		r := q.calls[n]
		if records, bytes = records+len(r.records), bytes+r.size; n > 0 && (records > batchRecords || bytes > batchBytes) {
			break
		}
		q.size -= r.size
		n++
	}
	batch := q.calls[:n:n]
	if q.calls = q.calls[n:]; len(q.calls) == 0 {
		q.calls = nil
	}
	return batch
}

// close refuses all further calls, and those that wait.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, r := range q.calls {
		r.answer(nil, history.ErrClosed)
	}
	q.calls, q.size = nil, 0
}

// refuse answers all calls that do not fit into the buffer.
func (q *queue) refuse(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for n := len(q.calls); n > 0 && q.size > q.buffer; n-- {
		last := q.calls[n-1]
		q.calls, q.size = q.calls[:n-1], q.size-last.size
		last.answer(nil, err)
	}
}
