package boltstore_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// recorder is a sink that records the calls of its methods.
type recorder struct {
	mu        sync.Mutex
	delivered [][]*core.Entry // by call
	trimmed   map[string]uint64
	onDeliver func() // called by Deliver, or nil
}

func (r *recorder) Deliver(entries []*core.Entry) {
	r.mu.Lock()
	r.delivered = append(r.delivered, append([]*core.Entry(nil), entries...))
	onDeliver := r.onDeliver
	r.mu.Unlock()
	if onDeliver != nil {
		onDeliver()
	}
}

func (r *recorder) Trimmed(channel string, seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.trimmed == nil {
		r.trimmed = make(map[string]uint64)
	}
	r.trimmed[channel] = seq
}

// calls returns the delivered entries, by call.
func (r *recorder) calls() [][]*core.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([][]*core.Entry(nil), r.delivered...)
}

// trimmedThrough returns the newest entry that was reported as trimmed.
func (r *recorder) trimmedThrough(channel string) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trimmed[channel]
}

// attach attaches a recorder to a store.
func attach(t *testing.T, store core.Store) *recorder {
	t.Helper()
	r := &recorder{}
	if _, err := store.Attach(r); err != nil {
		t.Fatalf("Attach: got error %v, want none", err)
	}
	return r
}

// All calls of Append that wait during a commit share the next one.
func TestGroups(t *testing.T) {
	t.Parallel()
	for _, mode := range []boltstore.Sync{boltstore.SyncAlways, boltstore.SyncInterval} {
		synctest.Test(t, func(t *testing.T) { groups(t, mode) })
	}
}

func groups(t *testing.T, mode boltstore.Sync) {
	t.Helper()
	store := open(t, fresh(t), boltstore.Config{Sync: mode, Interval: time.Hour})
	sink := attach(t, store)
	release := make(chan struct{})
	sink.onDeliver = sync.OnceFunc(func() { <-release })
	const callers = 50
	var calls sync.WaitGroup
	for i := range callers {
		if i == 1 {
			synctest.Wait() // the first is in Deliver, and all others wait
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
	got := sink.calls()
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
