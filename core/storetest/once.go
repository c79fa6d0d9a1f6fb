package storetest

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/tidings-go/tidings/core/history"
)

// onceRecord returns a record that is published at most once with a key.
func onceRecord(channel, key, data string) history.Record {
	r := text(channel, data)
	r.Once = key
	return r
}

// repeats appends a record that was published already, and checks that the
// answer is about the first.
func (s *subject) repeats(r history.Record, first *history.Entry) {
	s.f.Helper()
	ctx, cancel := s.f.within()
	defer cancel()
	entries, err := s.store.Append(ctx, []history.Record{r})
	if err != nil || len(entries) != 1 {
		s.f.Fatalf("Append of once key %q again: got %d entries, error %v, want the first entry", r.Once, len(entries), err)
	}
	e := entries[0]
	if e.Position != first.Position || e.ID() != first.ID() || !e.Time.Equal(first.Time) {
		s.f.Fatalf("Append of once key %q again: got %v, ID %q, at %v, want %v, %q, %v",
			r.Once, e.Position, e.ID(), e.Time, first.Position, first.ID(), first.Time)
	}
}

// once: a key is published once on a channel. The repeat stores nothing, and
// tells of the first, whatever it holds itself.
func once(f *fixture) {
	s := f.open(unbounded())
	all := s.append(onceRecord("a", "key", "1"))
	all = append(all, s.append(texts(3, "a", "b")...)...)
	s.repeats(onceRecord("a", "key", "1"), all[0])
	other := onceRecord("a", "key", "something else")
	other.ID, other.Key = "own", "k"
	s.repeats(other, all[0])
	s.unknown("own", "a")

	for _, r := range []history.Record{
		onceRecord("b", "key", "another channel"),
		onceRecord("a", "key ", "another key"),
		onceRecord("a", "Key", "another key"),
		onceRecord("ak", "ey", "another of both"),
	} {
		entry := s.append(r)
		s.repeats(r, entry[0])
		all = append(all, entry...)
	}
	mine := onceRecord("a", "with an ID", "1")
	mine.ID = "mine: ä"
	entry := s.append(mine)
	all = append(all, entry...)
	mine.ID = ""
	s.repeats(mine, entry[0])
	s.resolves("mine: ä", entry[0], "a")
	s.repeats(onceRecord("a", "key", "1"), all[0])

	// Nothing of the repeats is there, and what comes next has the next number.
	all = append(all, s.append(text("a", "after"))...)
	if fault := contiguous(all, s.start); fault != "" {
		f.Errorf("appended: %s", fault)
	}
	s.whole(history.Query{Channels: []string{"a", "b", "ak"}, Oldest: true}, all)
	if diff := differ(s.sink.reach(f, s.head.Seq), all); diff != "" {
		f.Errorf("delivered: %s", diff)
	}
}

// onceTrimmed: it makes no difference whether the first is still kept.
func onceTrimmed(f *fixture) {
	s := f.open(history.Retention{Events: bound, Bytes: -1})
	r := onceRecord("a", "key", "1")
	r.ID = "mine"
	first := s.append(r)
	last := s.each(texts(2*bound, "a")...)
	s.trimmedTo("a", last[bound].Position)
	s.repeats(r, first[0])
	s.unknown("mine", "a")
	s.whole(history.Query{Channels: []string{"a"}, Oldest: true}, last[bound:])
}

// onceConcurrently: of many who publish with the same key at the same time, one
// does, and all get its answer.
func onceConcurrently(f *fixture) {
	s := f.open(unbounded())
	const rounds, callers = 5, 8
	for round := range rounds {
		var calls sync.WaitGroup
		answers := make([]string, callers)
		for i := range callers {
			calls.Go(func() {
				ctx, cancel := f.within()
				defer cancel()
				entries, err := s.store.Append(ctx, []history.Record{onceRecord("a", fmt.Sprint("key ", round), strconv.Itoa(i))})
				if err != nil || len(entries) != 1 {
					answers[i] = fmt.Sprintf("%d entries, error %v", len(entries), err)
					return
				}
				answers[i] = entries[0].ID()
			})
		}
		calls.Wait()
		s.head = s.at(uint64(round) + 1)
		for i, got := range answers {
			if want := s.head.String(); got != want {
				f.Errorf("caller %d: got %s, want %s", i, got, want)
			}
		}
	}
	if got := s.sink.reach(f, s.head.Seq); len(got) != rounds {
		f.Errorf("delivered: got %s, want %d", seqs(got), rounds)
	}
}

// onceWindow: after the window, the key is free again, for a window.
func onceWindow(f *fixture) {
	s := f.open(history.Retention{OnceWindow: f.opts.Age})
	r := onceRecord("a", "key", "1")
	first := s.append(r)[0]
	f.eventually(func() string {
		ctx, cancel := f.within()
		defer cancel()
		entries, err := s.store.Append(ctx, []history.Record{r})
		if err != nil || len(entries) != 1 {
			f.Fatalf("Append of a once key again: got %d entries, error %v", len(entries), err)
		}
		if entries[0].Position == first.Position {
			return "got the first entry, want a new one after the window"
		}
		s.head = entries[0].Position
		return ""
	})
	if s.head != s.at(2) {
		f.Errorf("after the window: got position %v, want %v", s.head, s.at(2))
	}
}

// sharedOnce: a key that was published through one store is known to all.
func sharedOnce(f *fixture) {
	open := f.storage(f, unbounded())
	one, two := f.attach(open()), f.attach(open())
	first := one.append(onceRecord("a", "key", "1"))
	two.repeats(onceRecord("a", "key", "2"), first[0])
	two.head = one.head
}

// durableOnce: a restart makes no difference to a key.
func durableOnce(f *fixture) {
	open := f.storage(f, unbounded())
	s := f.attach(open())
	r := onceRecord("a", "key", "1")
	r.ID = "mine"
	first := s.append(r)
	plain := s.append(onceRecord("b", "key", "2"))
	s.finish()

	s = f.attach(open())
	s.repeats(r, first[0])
	s.repeats(onceRecord("b", "key", "2"), plain[0])
	s.append(onceRecord("c", "key", "3"))
}
