package boltstore_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// fakeClock is a clock that can be set. Its times have no monotonic reading,
// like times from a file.
type fakeClock struct{ ahead atomic.Int64 }

func (c *fakeClock) set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

func (c *fakeClock) now() time.Time { return time.Now().Round(0).Add(time.Duration(c.ahead.Load())) }

// openAt opens a store with a clock. The test closes it at the end.
func openAt(t *testing.T, path string, cfg boltstore.Config, clock *fakeClock) *boltstore.Store {
	t.Helper()
	store, err := boltstore.OpenAt(path, cfg, clock.now)
	if err != nil {
		t.Fatalf("Open: got error %v, want none", err)
	}
	t.Cleanup(func() { closeStore(t, store) })
	return store
}

// A key that was published while the clock was ahead counts for one window after
// the store notices, and not until the clock has caught up.
func TestOnceAfterClockWasAhead(t *testing.T) {
	t.Parallel()
	const window = 5 * time.Minute
	for name, test := range map[string]struct {
		sync boltstore.Sync
		next func(t *testing.T, path string, store *boltstore.Store, cfg boltstore.Config, clock *fakeClock) *boltstore.Store
	}{
		"closed":                    {boltstore.SyncAlways, closedAndOpened},
		"closed, with a journal":    {boltstore.SyncInterval, closedAndOpened},
		"killed, with a journal":    {boltstore.SyncInterval, killedAndOpened},
		"running":                   {boltstore.SyncAlways, running},
		"running, with a journal":   {boltstore.SyncInterval, running},
		"running, with what is due": {boltstore.SyncInterval, runningSettled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				path, clock := fresh(t), new(fakeClock)
				cfg := boltstore.Config{Sync: test.sync, Interval: time.Minute, Retention: core.Retention{OnceWindow: window}}
				clock.set(24 * time.Hour)
				store := openAt(t, path, cfg, clock)
				r := record("a", "x")
				r.Once = "key"
				first := appendTo(t, store, r)[0]
				store = test.next(t, path, store, cfg, clock)
				time.Sleep(10 * time.Second)
				if got := appendTo(t, store, r)[0].Seq(); got != first.Seq() {
					t.Errorf("within the window: got number %d, want %d again", got, first.Seq())
				}
				time.Sleep(window)
				again := appendTo(t, store, r)[0].Seq()
				if again <= first.Seq() {
					t.Errorf("a window after the clock was set back: got number %d, want a new one", again)
				}
				time.Sleep(window - time.Second)
				if got := appendTo(t, store, r)[0].Seq(); got != again {
					t.Errorf("within the window of the second: got number %d, want %d again", got, again)
				}
			})
		})
	}
}

func closedAndOpened(t *testing.T, path string, store *boltstore.Store, cfg boltstore.Config, clock *fakeClock) *boltstore.Store {
	t.Helper()
	closeStore(t, store)
	clock.set(0)
	return openAt(t, path, cfg, clock)
}

func killedAndOpened(t *testing.T, path string, _ *boltstore.Store, cfg boltstore.Config, clock *fakeClock) *boltstore.Store {
	t.Helper()
	clock.set(0)
	return openAt(t, crash(t, path, wholeJournal), cfg, clock)
}

func running(_ *testing.T, _ string, store *boltstore.Store, _ boltstore.Config, clock *fakeClock) *boltstore.Store {
	clock.set(0)
	return store
}

func runningSettled(t *testing.T, _ string, store *boltstore.Store, _ boltstore.Config, clock *fakeClock) *boltstore.Store {
	t.Helper()
	commitPending(t, store)
	clock.set(0)
	return store
}

// A store that is opened often forgets keys all the same, because the file has
// the time at which the store noticed.
func TestOnceAfterClockWasAheadAndRestarts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path, clock := fresh(t), new(fakeClock)
		cfg := boltstore.Config{Retention: core.Retention{OnceWindow: 5 * time.Minute}}
		clock.set(24 * time.Hour)
		store := openAt(t, path, cfg, clock)
		r := record("a", "x")
		r.Once = "key"
		appendTo(t, store, r)
		for i := range 6 {
			clock.set(-time.Duration(min(i, 3)) * 2 * time.Second) // set back further, three times
			closeStore(t, store)
			store = openAt(t, path, cfg, clock)
			time.Sleep(time.Minute)
			appendTo(t, store, record("b", "x"))
		}
		if got := appendTo(t, store, r)[0].Seq(); got != 8 {
			t.Errorf("after 6 minutes: got number %d, want a new one, 8", got)
		}
	})
}

// Events that were published while the clock was ahead become too old one span
// after the store notices.
func TestAgesAfterClockWasAhead(t *testing.T) {
	t.Parallel()
	const span = 10 * time.Minute
	for name, retention := range map[string]core.Retention{"age": {Age: span}, "idle": {Idle: span}} {
		for how, next := range map[string]func(*testing.T, string, *boltstore.Store, boltstore.Config, *fakeClock) *boltstore.Store{
			"closed": closedAndOpened, "running": running,
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					path, clock := fresh(t), new(fakeClock)
					cfg := boltstore.Config{Retention: retention}
					clock.set(24 * time.Hour)
					store := openAt(t, path, cfg, clock)
					appendTo(t, store, indexed("a", 1), indexed("a", 2))
					store = next(t, path, store, cfg, clock)
					appendTo(t, store, indexed("b", 1)) // the store notices
					if got := len(kept(t, store, "a")); got != 2 {
						t.Errorf("at first: got %d events, want 2", got)
					}
					time.Sleep(span + span/50)
					synctest.Wait()
					if got := len(kept(t, store, "a", "b")); got != 0 {
						t.Errorf("afterwards: got %d events, want none", got)
					}
					if got := counts(t, store)["entries"]; got != 0 {
						t.Errorf("afterwards: got %d entries in the file, want none", got)
					}
				})
			})
		}
	}
}
