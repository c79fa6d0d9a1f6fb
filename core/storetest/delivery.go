package storetest

import (
	"fmt"
	"sync"

	"github.com/tidings-go/tidings/core/history"
)

// delivery: the sink gets what is appended, in the order of the positions,
// each once, without a gap.
func delivery(f *fixture) {
	s := f.open(history.Retention{Events: 3, Bytes: -1}) // what is trimmed is delivered all the same
	want := s.each(texts(5, "a", "b")...)
	want = append(want, s.append(texts(4, "b", "a", "c")...)...)
	want = append(want, s.append(text("a", "last"))...)
	got := s.sink.reach(f, s.head.Seq)
	if diff := differ(got, want); diff != "" {
		f.Fatalf("delivered: %s", diff)
	}
}

// lateAttach: a sink gets what comes after the position that Attach returned,
// and nothing older.
func lateAttach(f *fixture) {
	s := f.open(unbounded())
	s.each(texts(5, "a")...)
	late := f.attach(s.store)
	if late.start != s.head {
		f.Fatalf("Attach: got position %v, want the newest, %v", late.start, s.head)
	}
	want := late.append(texts(3, "a", "b")...)
	if diff := differ(late.sink.reach(f, late.head.Seq), want); diff != "" {
		f.Errorf("delivered: %s", diff)
	}
	s.head = late.head
	s.sink.reach(f, s.head.Seq)
}

// severalSinks: each sink on a store gets everything.
func severalSinks(f *fixture) {
	s := f.open(unbounded())
	second := f.attach(s.store)
	third := f.attach(s.store)
	var want []*history.Entry
	for i := range 12 {
		from := []*subject{s, second, third}[i%3]
		want = append(want, from.append(texts(1+i%2, "a", "b")...)...)
	}
	newest := want[len(want)-1].Position
	for i, one := range []*subject{s, second, third} {
		one.head = newest
		if diff := differ(one.sink.reach(f, newest.Seq), want); diff != "" {
			f.Errorf("sink %d: delivered: %s", i, diff)
		}
	}
}

// concurrent: however many append and read at the same time, there is one
// order, and all see it.
func concurrent(f *fixture) {
	s := f.open(unbounded())
	everyone(f, []*subject{s})
}

const (
	appenders = 6
	rounds    = 12
)

// everyone appends and reads through all the subjects at the same time.
func everyone(f *fixture, subjects []*subject) {
	f.Helper()
	channels := []string{"a", "b", "c"}
	var batches, readers sync.WaitGroup
	faults := make(chan string, 100)
	fault := func(format string, args ...any) {
		select {
		case faults <- fmt.Sprintf(format, args...):
		default:
		}
	}
	results := make([][]*history.Entry, appenders)
	for i := range appenders {
		s := subjects[i%len(subjects)]
		batches.Go(func() {
			ctx, cancel := f.within()
			defer cancel()
			for round := range rounds {
				var batch []history.Record
				for n := range 1 + (i+round)%3 {
					batch = append(batch, keyed(channels[(i+n)%3], fmt.Sprintf("appender %d", i), fmt.Sprintf("round %d, %d", round, n)))
				}
				entries, err := s.store.Append(ctx, batch)
				if err != nil || len(entries) != len(batch) {
					fault("Append of %d: got %d entries, error %v", len(batch), len(entries), err)
					return
				}
				results[i] = append(results[i], entries...)
			}
		})
	}
	total := 0
	for i := range appenders {
		for round := range rounds {
			total += 1 + (i+round)%3
		}
	}
	newest := subjects[0].start.Seq + uint64(total)
	read := make([][]*history.Entry, 2*len(subjects))
	for i := range read {
		s := subjects[i%len(subjects)]
		readers.Go(func() {
			ctx, cancel := f.within()
			defer cancel()
			q := history.Query{Channels: channels, After: s.start, MaxEvents: 1 + 6*i}
			for q.After.Seq < newest && ctx.Err() == nil {
				page, err := s.store.Read(ctx, q)
				if err != nil {
					fault("Read %+v: got error %v, want none", q, err)
					return
				}
				read[i] = append(read[i], page.Entries...)
				q.After = page.Through
			}
		})
	}
	batches.Wait()
	readers.Wait()
	close(faults)
	for wrong := range faults {
		f.Errorf("%s", wrong)
	}
	if f.Failed() {
		f.FailNow()
	}
	agree(f, subjects, newest, results, read)
}

// agree checks that what was appended, delivered and read is the same order.
func agree(f *fixture, subjects []*subject, newest uint64, results, read [][]*history.Entry) {
	f.Helper()
	order := subjects[0].sink.reach(f, newest)
	if fault := contiguous(order, subjects[0].start); fault != "" {
		f.Fatalf("delivered: %s", fault)
	}
	for _, s := range subjects {
		s.head = s.at(newest)
		if diff := differ(s.sink.reach(f, newest), order); diff != "" {
			f.Errorf("delivered elsewhere: %s", diff)
		}
	}
	for i, got := range read {
		if diff := differ(got, order); diff != "" {
			f.Errorf("reader %d: %s", i, diff)
		}
	}
	for i, appended := range results {
		var own []*history.Entry
		for _, e := range order {
			if e.Key == fmt.Sprintf("appender %d", i) {
				own = append(own, e)
			}
		}
		if diff := differ(own, appended); diff != "" {
			f.Errorf("of appender %d: %s", i, diff)
		}
		batch := 0
		for round := range rounds {
			for n := range (i + round) % 3 {
				if appended[batch+n+1].Position.Seq != appended[batch+n].Position.Seq+1 {
					f.Errorf("of appender %d: batch in %s is not consecutive", i, seqs(appended))
				}
			}
			batch += 1 + (i+round)%3
		}
	}
}
