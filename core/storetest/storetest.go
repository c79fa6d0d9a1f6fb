// Package storetest holds the suite that every [history.Store] passes. It checks
// the obligations that are stated at the methods of the interface.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(tb testing.TB, retention history.Retention) storetest.Open {
//			path := filepath.Join(tb.TempDir(), "history.db")
//			return func() history.Store {
//				store, err := filestore.Open(path, retention)
//				if err != nil {
//					tb.Fatal(err)
//				}
//				return store
//			}
//		}, storetest.Options{Durable: true})
//	}
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// Open opens a store on the storage that [Storage] made. It fails the test if it
// cannot.
type Open func() history.Store

// Storage makes empty storage for one test, and returns a function that opens
// stores on it with that retention. It registers a cleanup that releases the
// storage; the suite closes the stores.
type Storage func(tb testing.TB, retention history.Retention) Open

// Options name what a store promises beyond the obligations of the interface. The
// zero value is for a store that promises nothing more.
type Options struct {
	// Shared means that several stores can be open on the same storage at the same
	// time, as on different machines.
	Shared bool
	// Durable means that a store that is opened after the last one on the storage
	// was closed has its history, in the same epoch.
	Durable bool
	// NoBytes means that the store does not trim by bytes.
	NoBytes bool
	// Tells means that the store calls the Trimmed method of its sinks.
	Tells bool
	// Age is the value of Age, Idle and OnceWindow in the tests of trimming by time:
	// about the shortest that the store supports. The suite waits for it to pass.
	// Default: these are not tested.
	Age time.Duration
	// Wait is how long the suite waits, for example for a delivery, before a test
	// fails. Default: 10 s.
	Wait time.Duration
}

// Run tests stores: each obligation in a subtest of its own, on storage of its
// own.
func Run(t *testing.T, storage Storage, opts Options) {
	t.Helper()
	if opts.Wait <= 0 {
		opts.Wait = 10 * time.Second
	}
	for _, c := range checks(opts) {
		t.Run(c.name, func(t *testing.T) {
			c.run(&fixture{TB: t, storage: storage, opts: opts})
		})
	}
}

// check is one obligation.
type check struct {
	name string
	run  func(f *fixture)
}

// checks returns those that apply.
func checks(opts Options) []check {
	all := []check{
		{"positions", positions},
		{"entries", entriesHoldRecords},
		{"immutable", entriesStay},
		{"cancelled append", cancelledAppend},
		{"delivery", delivery},
		{"late attach", lateAttach},
		{"several sinks", severalSinks},
		{"concurrent", concurrent},
		{"after", readAfter},
		{"oldest", readOldest},
		{"tail", readTail},
		{"snapshot", readSnapshot},
		{"snapshot of audiences", snapshotOfAudiences},
		{"pages by count", pagesByCount},
		{"pages by bytes", pagesByBytes},
		{"merged channels", mergedChannels},
		{"numeric order", numericOrder},
		{"nothing newer", nothingNewer},
		{"unknown position", unknownPosition},
		{"other epoch", otherEpoch},
		{"abandoned read", abandonedRead},
		{"fills", fills},
		{"gap boundary", gapBoundary},
		{"trimmed apart", trimmedApart},
		{"trimmed snapshot", trimmedSnapshot},
		{"bounds", bounds},
		{"resolve", resolve},
		{"resolve among channels", resolveAmong},
		{"resolve trimmed", resolveTrimmed},
		{"patterns", patterns},
		{"once", once},
		{"once, trimmed", onceTrimmed},
		{"once, concurrently", onceConcurrently},
		{"forget", forgets},
		{"forget once", forgetsOnce},
		{"forget and go on", forgetsAndGoesOn},
		{"forget private channels", forgetsPrivate},
		{"lent names", lentNames},
		{"close", closing},
		{"close while appending", closingWhileAppending},
	}
	if !opts.NoBytes {
		all = append(all, check{"bytes", trimmedByBytes}, check{"large event", largeEvent}, check{"total bytes", totalBytes})
	}
	if opts.Tells {
		all = append(all, check{"notices", notices})
	}
	if opts.Age > 0 {
		all = append(all, check{"age", trimmedByAge}, check{"idle", idle}, check{"once window", onceWindow})
	}
	if opts.Shared {
		all = append(all, check{"shared", shared}, check{"shared concurrently", sharedConcurrently},
			check{"shared once", sharedOnce}, check{"shared forget", sharedForget})
	}
	if opts.Durable {
		all = append(all, check{"durable", durable}, check{"durable retention", durableRetention},
			check{"durable once", durableOnce}, check{"durable forget", durableForget})
	}
	return all
}

// fixture is what one check works with.
type fixture struct {
	testing.TB

	storage Storage
	opts    Options
}

// within returns a context that ends when the suite waits no longer. It can be
// used in a cleanup, too.
func (f *fixture) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(f.Context()), f.opts.Wait)
}

// eventually waits until try returns an empty string, and fails with what it
// returned last if that takes too long.
func (f *fixture) eventually(try func() string) {
	f.Helper()
	ctx, cancel := f.within()
	defer cancel()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for {
		wrong := try()
		if wrong == "" {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			f.Fatalf("after %v: %s", f.opts.Wait, wrong)
		}
	}
}

// open returns a store on fresh storage, with its sink attached.
func (f *fixture) open(retention history.Retention) *subject {
	f.Helper()
	return f.attach(f.storage(f, retention)())
}

// unbounded keeps more than any check appends.
func unbounded() history.Retention { return history.Retention{Events: -1, Bytes: -1} }

// attach gives the store a sink, and has it closed in the end.
func (f *fixture) attach(store history.Store) *subject {
	f.Helper()
	s := &subject{f: f, store: store, sink: newSink()}
	start, err := store.Attach(s.sink)
	if err != nil {
		f.Fatalf("Attach: got error %v, want none", err)
	}
	if start.Epoch == 0 {
		f.Fatalf("Attach: got position %v, want an epoch other than 0", start)
	}
	s.start, s.head = start, start
	f.Cleanup(s.finish)
	return s
}
