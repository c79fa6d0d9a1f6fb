package oracle_test

import (
	"fmt"
	"sync/atomic"
)

// tally counts what was done and checked.
type tally struct {
	operations, published, checked, cuts, closed, evicted atomic.Int64
	resets, stalls, changes, visited, restarted, repeated atomic.Int64
}

// add adds another tally.
func (t *tally) add(o *tally) {
	mine, others := t.all(), o.all()
	for i := range mine {
		mine[i].Add(others[i].Load())
	}
}

func (t *tally) all() []*atomic.Int64 {
	return []*atomic.Int64{
		&t.operations, &t.published, &t.checked, &t.cuts, &t.closed, &t.evicted,
		&t.resets, &t.stalls, &t.changes, &t.visited, &t.restarted, &t.repeated,
	}
}

// String returns the counts.
func (t *tally) String() string {
	return fmt.Sprintf("%d operations, %d events published (%d once again, in vain), %d deliveries checked on %d streams, "+
		"%d cuts, %d closed by the server, %d evicted, %d resets, %d stalls, %d changes of channels and groups, %d restarts",
		t.operations.Load(), t.published.Load(), t.repeated.Load(), t.checked.Load(), t.visited.Load(),
		t.cuts.Load(), t.closed.Load(), t.evicted.Load(), t.resets.Load(), t.stalls.Load(), t.changes.Load(), t.restarted.Load())
}
