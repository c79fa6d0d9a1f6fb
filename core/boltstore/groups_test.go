package boltstore_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// notes is a sink that takes down what it is told.
type notes struct {
	mu        sync.Mutex
	delivered [][]*core.Entry // by call
	trimmed   map[string]uint64
	during    func() // called by Deliver, or nil
}

func (n *notes) Deliver(entries []*core.Entry) {
	n.mu.Lock()
	n.delivered = append(n.delivered, append([]*core.Entry(nil), entries...))
	during := n.during
	n.mu.Unlock()
	if during != nil {
		during()
	}
}

func (n *notes) Trimmed(channel string, seq uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.trimmed == nil {
		n.trimmed = make(map[string]uint64)
	}
	n.trimmed[channel] = seq
}

// calls returns what was delivered, by call.
func (n *notes) calls() [][]*core.Entry {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([][]*core.Entry(nil), n.delivered...)
}

func (n *notes) hid(channel string) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.trimmed[channel]
}

// attach gives the store a sink.
func attach(t *testing.T, store core.Store) *notes {
	t.Helper()
	n := &notes{}
	if _, err := store.Attach(n); err != nil {
		t.Fatalf("Attach: got error %v, want none", err)
	}
	return n
}

// All who wait while a commit is under way share the next one.
func TestGroups(t *testing.T) {
	t.Parallel()
	for _, mode := range []boltstore.Sync{boltstore.SyncAlways, boltstore.SyncInterval} {
		synctest.Test(t, func(t *testing.T) { groups(t, mode) })
	}
}

func groups(t *testing.T, mode boltstore.Sync) {
	t.Helper()
	store := open(t, fresh(t), boltstore.Config{Sync: mode, Interval: time.Hour})
	told := attach(t, store)
	release := make(chan struct{})
	told.during = sync.OnceFunc(func() { <-release })
	const callers = 50
	var calls sync.WaitGroup
	for i := range callers {
		if i == 1 {
			synctest.Wait() // the first is being delivered, and all others wait
		}
		calls.Go(func() {
			entries, err := store.Append(t.Context(), []core.Record{record("a", "1"), record("b", "2")})
			if err != nil || entries[1].Position.Seq != entries[0].Position.Seq+1 {
				t.Errorf("Append: got %q, %v, want two in a row", ids(entries), err)
			}
		})
	}
	synctest.Wait()
	close(release)
	calls.Wait()
	got := told.calls()
	if len(got) != 2 || len(got[1]) != 2*(callers-1) {
		t.Errorf("%v: got %d deliveries, want 2, all but the first in one", mode, len(got))
	}
	seq := uint64(0)
	for _, call := range got {
		for _, e := range call {
			if seq++; e.Position.Seq != seq {
				t.Fatalf("%v: got position %v, want number %d", mode, e.Position, seq)
			}
		}
	}
}
