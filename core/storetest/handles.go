package storetest

import (
	"sync"

	"github.com/tidings-go/tidings/core/history"
)

// closing: Close is idempotent, ends delivery, and leaves nothing to call.
func closing(f *fixture) {
	s := f.open(unbounded())
	s.append(texts(3, "a")...)
	s.sink.reach(f, s.head.Seq)
	for range 2 {
		if err := s.store.Close(); err != nil {
			f.Fatalf("Close: got error %v, want none", err)
		}
	}
	s.sink.end()
	ctx, cancel := f.within()
	defer cancel()
	fails := func(method string, err error) {
		f.Helper()
		if err == nil {
			f.Errorf("%s after Close: got no error, want one", method)
		}
	}
	_, err := s.store.Append(ctx, texts(1, "a"))
	fails("Append", err)
	_, err = s.store.Read(ctx, history.Query{Channels: []string{"a"}, Oldest: true})
	fails("Read", err)
	_, err = s.store.Resolve(ctx, []string{"a"}, "id")
	fails("Resolve", err)
	_, _, err = s.store.Bounds(ctx, []string{"a"})
	fails("Bounds", err)
	_, err = s.store.Attach(newSink())
	fails("Attach", err)
}

// closingWhileAppending: Close does not hang, and ends delivery, while others
// are at work.
func closingWhileAppending(f *fixture) {
	s := f.open(history.Retention{Events: bound, Bytes: -1})
	var busy sync.WaitGroup
	started := make(chan struct{}, 4)
	for range 4 {
		busy.Go(func() {
			ctx, cancel := f.within()
			defer cancel()
			for i := 0; ctx.Err() == nil; i++ {
				if _, err := s.store.Append(ctx, texts(1, "a", "b")); err != nil {
					return
				}
				if i == 3 {
					started <- struct{}{}
				}
			}
		})
	}
	ctx, cancel := f.within()
	defer cancel()
	for range 4 {
		select {
		case <-started:
		case <-ctx.Done():
			f.Errorf("Append: not even 4 batches in %v", f.opts.Wait)
		}
	}
	if err := s.store.Close(); err != nil {
		f.Errorf("Close: got error %v, want none", err)
	}
	s.sink.end()
	busy.Wait()
	if ctx.Err() != nil {
		f.Errorf("Append: went on for %v after Close", f.opts.Wait)
	}
}

// shared: what is appended through one store is delivered and read through all,
// and closing one does not touch the others.
func shared(f *fixture) {
	open := f.storage(f, unbounded())
	one, two := f.attach(open()), f.attach(open())
	if one.start != two.start {
		f.Fatalf("Attach: got positions %v and %v, want the same", one.start, two.start)
	}
	var all []*history.Entry
	for i := range 10 {
		from, to := one, two
		if i%2 == 1 {
			from, to = two, one
		}
		all = append(all, from.append(texts(1+i%3, "a", "b")...)...)
		to.head = from.head
		q := history.Query{Channels: []string{"a", "b"}, After: one.start}
		from.whole(q, all) // what was appended here is there at once
		if diff := differ(to.sink.reach(f, to.head.Seq), all); diff != "" {
			f.Fatalf("delivered elsewhere: %s", diff)
		}
		to.whole(q, all) // and elsewhere when it has been delivered there
	}
	mine := one.append(named("a", "mine", "x"))
	two.head = one.head
	two.sink.reach(f, two.head.Seq)
	two.resolves("mine", mine[0], "a")
	one.sink.reach(f, one.head.Seq)

	if err := one.store.Close(); err != nil {
		f.Fatalf("Close: got error %v, want none", err)
	}
	one.sink.end()
	all = append(append(all, mine...), two.append(texts(3, "a")...)...)
	three := f.attach(open())
	if three.start != two.head {
		f.Errorf("Attach: got position %v, want the newest, %v", three.start, two.head)
	}
	three.whole(history.Query{Channels: []string{"a", "b"}, Oldest: true}, all)
}

// sharedConcurrently: there is one order, whichever store is appended to.
func sharedConcurrently(f *fixture) {
	open := f.storage(f, unbounded())
	everyone(f, []*subject{f.attach(open()), f.attach(open()), f.attach(open())})
}

// durable: the next store on the same storage goes on where the last ended.
func durable(f *fixture) {
	open := f.storage(f, unbounded())
	var all []*history.Entry
	var before *subject
	for range 3 {
		s := f.attach(open())
		if before != nil && s.start != before.head {
			f.Fatalf("Attach after a restart: got position %v, want %v", s.start, before.head)
		}
		q := history.Query{Channels: []string{"a", "b"}, After: s.at(0)}
		s.whole(q, all)
		all = append(all, s.each(texts(2, "a", "b")...)...)
		all = append(all, s.append(together(named("a", "mine", "x"), addressed("b", history.ToIdentity("me"), "k", "y"))...)...)
		s.whole(q, all)
		s.resolves("mine", all[len(all)-2], "a")
		s.whole(history.Query{Channels: q.Channels, Snapshot: true}, all[len(all)-1:])
		s.finish()
		before = s
	}
	s := f.attach(open())
	s.resolves("mine", all[len(all)-2], "a")
	s.whole(history.Query{Channels: []string{"a"}, Tail: 3}, on("a", all)[6:])
	s.gap(history.Query{Channels: []string{"a"}, After: s.at(s.head.Seq + 1)}, history.GapUnknown)
}

// durableRetention: what was trimmed stays so, and a restart neither hides the
// gap nor makes one.
func durableRetention(f *fixture) {
	open := f.storage(f, history.Retention{Events: bound, Bytes: -1})
	s := f.attach(open())
	all := s.each(texts(2*bound, "a")...)
	s.trimmedTo("a", all[bound].Position)
	s.finish()

	s = f.attach(open())
	s.whole(history.Query{Channels: []string{"a"}, Oldest: true}, all[bound:])
	s.whole(history.Query{Channels: []string{"a"}, After: all[bound-1].Position}, all[bound:])
	s.gap(history.Query{Channels: []string{"a"}, After: all[bound-2].Position}, history.GapTrimmed)
	s.gap(history.Query{Channels: []string{"a"}, After: s.at(0)}, history.GapTrimmed)
	all = append(all, s.append(text("a", "one more"))...)
	s.trimmedTo("a", all[bound+1].Position)
	s.whole(history.Query{Channels: []string{"a"}, Oldest: true}, all[bound+1:])
}
