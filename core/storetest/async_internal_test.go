package storetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

var errClosed = errors.New("handle closed")

// sharedStorage is storage that outlives the stores on it: what each of them
// delivers comes later, from a goroutine of its own.
type sharedStorage struct {
	memory *core.MemoryStore
	broken string
	apply  func(d *double) // to each store, or nil
}

func newShared(retention core.Retention) *sharedStorage {
	return &sharedStorage{memory: core.NewMemoryStore(retention)}
}

func (s *sharedStorage) open() core.Store {
	d := doubleOf(s.memory)
	if s.apply != nil {
		s.apply(d)
	}
	return &handle{double: d, broken: s.broken, ended: make(chan struct{})}
}

// handle is a store on shared storage.
type handle struct {
	*double

	broken string
	once   sync.Once
	ended  chan struct{}
	busy   sync.WaitGroup
}

func (h *handle) closed() bool {
	select {
	case <-h.ended:
		return true
	default:
		return false
	}
}

// later passes calls on to a sink, in a goroutine of its own.
type later struct {
	mu    sync.Mutex
	calls []func(core.Sink)
	news  chan struct{}
}

func (l *later) Deliver(entries []*core.Entry) { l.put(func(s core.Sink) { s.Deliver(entries) }) }

func (l *later) Trimmed(name string, seq uint64) { l.put(func(s core.Sink) { s.Trimmed(name, seq) }) }

func (l *later) put(call func(core.Sink)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, call)
	select {
	case l.news <- struct{}{}:
	default:
	}
}

func (h *handle) Attach(sink core.Sink) (core.Position, error) {
	if h.closed() {
		return core.Position{}, errClosed
	}
	l := &later{news: make(chan struct{}, 1)}
	start, err := h.attach(l)
	if err != nil {
		return start, err
	}
	h.busy.Go(func() {
		for {
			select {
			case <-l.news:
			case <-h.ended:
				return
			}
			l.mu.Lock()
			calls := l.calls
			l.calls = nil
			l.mu.Unlock()
			for _, call := range calls {
				if h.closed() {
					return
				}
				yieldProcessor()
				call(sink)
			}
		}
	})
	return start, nil
}

func (h *handle) Append(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
	if h.closed() {
		return nil, errClosed
	}
	return h.append(ctx, records)
}

func (h *handle) Read(ctx context.Context, q core.Query) (core.Page, error) {
	if h.closed() {
		return core.Page{}, errClosed
	}
	return h.read(ctx, q)
}

func (h *handle) Resolve(ctx context.Context, channels []string, id string) (core.Position, error) {
	if h.closed() {
		return core.Position{}, errClosed
	}
	return h.resolve(ctx, channels, id)
}

func (h *handle) Bounds(ctx context.Context, channels []string) (oldest, newest core.Position, err error) {
	if h.closed() {
		return oldest, newest, errClosed
	}
	return h.bounds(ctx, channels)
}

func (h *handle) Forget(ctx context.Context, channel string) error {
	if h.closed() {
		return errClosed
	}
	return h.forget(ctx, channel)
}

func (h *handle) Close() error {
	h.once.Do(func() {
		close(h.ended)
		if h.broken == "all end with one" {
			_ = h.MemoryStore.Close()
		}
	})
	h.busy.Wait()
	return nil
}

// TestBrokenStorage lets the suite find what is wrong with storage that should
// be shared, or durable.
func TestBrokenStorage(t *testing.T) {
	t.Parallel()
	ownKeys := func(d *double) { remembering(d, byBoth, theFirst) }
	ownForget := func(d *double) {
		without(d, func(q core.Query, gone uint64) bool { return q.After.Seq < gone })
	}
	for _, b := range []struct {
		name, found string
		apply       func(d *double)
	}{
		{"each its own", "shared", nil},
		{"each its own", "shared concurrently", nil},
		{"all end with one", "shared", nil},
		{"each its own", "durable", nil},
		{"each its own", "durable retention", nil},
		{"all end with one", "durable", nil},
		{"each its own once keys", "shared once", ownKeys},
		{"each its own once keys", "durable once", ownKeys},
		{"each forgets for itself", "shared forget", ownForget},
		{"each forgets for itself", "durable forget", ownForget},
	} {
		t.Run(b.name+"/"+b.found, func(t *testing.T) {
			t.Parallel()
			storage := func(_ testing.TB, retention core.Retention) Open {
				s := newShared(retention)
				s.broken, s.apply = b.name, b.apply
				return func() core.Store {
					if b.name == "each its own" {
						s.memory = core.NewMemoryStore(retention)
					}
					return s.open()
				}
			}
			failures := observe(t, find(t, b.found), storage, everything(200*time.Millisecond))
			if len(failures) == 0 {
				t.Fatalf("check %q: got no failure, want it to find what is broken", b.found)
			}
			t.Logf("check %q: %s", b.found, strings.Join(failures, "\n"))
		})
	}
}
