package storetest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// yieldProcessor lets others run.
func yieldProcessor() { runtime.Gosched() }

// observed is a testing.TB for a check whose failure is what is tested.
type observed struct {
	testing.TB // for what is not replaced, and because a TB has to

	mu       sync.Mutex
	failures []string
	cleanups []func()
	ctx      context.Context //nolint:containedctx // it stands in for a testing.TB, which has one
}

func (o *observed) Helper() {}

func (o *observed) Context() context.Context { return o.ctx }

func (o *observed) Cleanup(f func()) { o.cleanups = append(o.cleanups, f) }

func (o *observed) Errorf(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failures = append(o.failures, fmt.Sprintf(format, args...))
}

func (o *observed) Fatalf(format string, args ...any) {
	o.Errorf(format, args...)
	o.FailNow()
}

func (o *observed) FailNow() { runtime.Goexit() }

func (o *observed) Failed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.failures) > 0
}

// observe runs one check as the testing package would, and returns how it
// failed.
func observe(t *testing.T, c check, storage Storage, opts Options) []string {
	t.Helper()
	o := &observed{TB: t, ctx: t.Context()}
	alone := func(f func()) {
		var ended sync.WaitGroup
		ended.Go(f) // it may end its goroutine
		ended.Wait()
	}
	alone(func() { c.run(&fixture{TB: o, storage: storage, opts: opts}) })
	for _, cleanup := range slices.Backward(o.cleanups) {
		alone(cleanup)
	}
	return o.failures
}

// everything has all checks applied.
func everything(wait time.Duration) Options {
	return Options{Age: 20 * time.Millisecond, Tells: true, Shared: true, Durable: true, Wait: wait}
}

// find returns the check of that name.
func find(t *testing.T, name string) check {
	t.Helper()
	for _, c := range checks(everything(0)) {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("there is no check %q", name)
	return check{}
}

// TestBroken lets the suite find what is broken on purpose.
func TestBroken(t *testing.T) {
	t.Parallel()
	for _, b := range breakages() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			storage := func(_ testing.TB, retention core.Retention) Open {
				d := newDouble(retention)
				b.apply(d)
				return func() core.Store { return d }
			}
			c := find(t, b.found)
			failures := observe(t, c, storage, everything(200*time.Millisecond))
			if len(failures) == 0 {
				t.Fatalf("check %q: got no failure, want it to find what is broken", c.name)
			}
			t.Logf("check %q: %s", c.name, strings.Join(failures, "\n"))
		})
	}
}

// TestWhole lets each check pass on a store with nothing replaced, so that
// what TestBroken finds is what was replaced.
func TestWhole(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]Storage{
		"memory":       func(_ testing.TB, r core.Retention) Open { d := newDouble(r); return func() core.Store { return d } },
		"asynchronous": func(_ testing.TB, r core.Retention) Open { return newShared(r).open },
	} {
		for _, c := range checks(everything(0)) {
			if name == "memory" && (strings.HasPrefix(c.name, "shared") || strings.HasPrefix(c.name, "durable")) {
				continue
			}
			t.Run(name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				for _, failure := range observe(t, c, open, everything(10*time.Second)) {
					t.Errorf("got failure %q, want none", failure)
				}
			})
		}
	}
}
