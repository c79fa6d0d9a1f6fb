package storetest

import (
	"crypto/rand"
	"slices"
	"strconv"
	"sync"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
)

// forget has the store forget a channel.
func (s *subject) forget(channel string) {
	s.f.Helper()
	ctx, cancel := s.f.within()
	defer cancel()
	if err := s.store.Forget(ctx, channel); err != nil {
		s.f.Fatalf("Forget of %q: got error %v, want none", channel, err)
	}
}

// forgets: nothing is left of the channel, and nothing of others is touched.
// Who had not seen all of it finds a gap, who had does not.
func forgets(f *fixture) {
	s := f.open(unbounded())
	s.forget("none")
	all := s.append(texts(4, "a", "b")...)
	all = append(all, s.append(named("a", "mine", "x"), keyed("a", "k", "y"), named("b", "mine too", "z"))...)
	newest := on("a", all)[5]
	s.forget("a")

	s.whole(history.Query{Channels: []string{"a"}, Oldest: true}, nil)
	s.whole(history.Query{Channels: []string{"a"}, Tail: 3}, nil)
	s.whole(history.Query{Channels: []string{"a"}, Snapshot: true}, nil)
	s.unknown("mine", "a")
	if oldest, last := s.bounds("a"); oldest != s.head || last != s.head {
		f.Errorf("Bounds of what was forgotten: got %v to %v, want the newest of all, %v", oldest, last, s.head)
	}
	for _, e := range on("a", all)[:5] {
		s.gap(history.Query{Channels: []string{"a"}, After: e.Position}, history.GapTrimmed)
	}
	s.gap(history.Query{Channels: []string{"a"}, After: s.start}, history.GapTrimmed)
	s.whole(history.Query{Channels: []string{"a"}, After: newest.Position}, nil)
	s.whole(history.Query{Channels: []string{"a"}, After: s.head}, nil)

	s.whole(history.Query{Channels: []string{"b"}, After: s.start}, on("b", all))
	s.whole(history.Query{Channels: []string{"a", "b"}, Oldest: true}, on("b", all))
	s.gap(history.Query{Channels: []string{"a", "b"}, After: s.start}, history.GapTrimmed)
	s.resolves("mine too", all[len(all)-1], "a", "b")
	s.forget("a")
	s.whole(history.Query{Channels: []string{"a"}, After: newest.Position}, nil)
}

// forgetsAndGoesOn: the channel begins anew, and the gap stays.
func forgetsAndGoesOn(f *fixture) {
	s := f.open(history.Retention{Events: bound, Bytes: -1})
	old := s.append(named("a", "mine", "1"), text("a", "2"), keyed("a", "k", "3"))
	s.forget("a")
	var all []*history.Entry
	for i := range bound {
		all = append(all, s.append(text("a", strconv.Itoa(i)))...)
		s.whole(history.Query{Channels: []string{"a"}, Oldest: true}, all)
		s.whole(history.Query{Channels: []string{"a"}, After: old[2].Position}, all)
		s.gap(history.Query{Channels: []string{"a"}, After: old[1].Position}, history.GapTrimmed)
	}
	s.unknown("mine", "a")
	s.whole(history.Query{Channels: []string{"a"}, Snapshot: true}, nil)
	all = append(all, s.append(named("a", "mine", "again"))...)
	s.resolves("mine", all[bound], "a")
	s.trimmedTo("a", all[1].Position)
	s.whole(history.Query{Channels: []string{"a"}, Oldest: true}, all[1:])
	s.forget("a")
	s.whole(history.Query{Channels: []string{"a"}, After: s.head}, nil)
	s.gap(history.Query{Channels: []string{"a"}, After: all[bound-1].Position}, history.GapTrimmed)
}

// forgetsOnce: a channel's once keys go with it, those of others do not.
func forgetsOnce(f *fixture) {
	s := f.open(unbounded())
	a := s.append(onceRecord("a", "key", "1"))[0]
	b := s.append(onceRecord("b", "key", "2"))[0]
	long := s.append(onceRecord("a b", "key", "3"))[0]
	s.forget("a")
	again := s.append(onceRecord("a", "key", "4"))[0]
	if again.Position.Seq <= a.Position.Seq {
		f.Errorf("Append of a once key after Forget: got position %v, want a new one", again.Position)
	}
	s.repeats(onceRecord("a", "key", "5"), again)
	s.repeats(onceRecord("b", "key", "6"), b)
	s.repeats(onceRecord("a b", "key", "7"), long)
	s.forget("none of them")
	s.repeats(onceRecord("a", "key", "8"), again)
}

// privates is more than of how many forgotten channels a store remembers, one by
// one, what they had.
const privates = 6000

// forgetsPrivate: private channels come and go with their streams. However many
// are forgotten, what is remembered of others stays: a client that is up to date
// on a quiet channel finds no gap, and one that is not finds one.
func forgetsPrivate(f *fixture) {
	s := f.open(unbounded())
	gone := s.append(texts(3, "forgotten")...)
	s.forget("forgotten")
	channels := make([]string, privates)
	for i := range channels {
		channels[i] = "~" + rand.Text()
		if !history.IsPrivate(channels[i]) {
			f.Fatalf("IsPrivate of %q: got false, want true", channels[i])
		}
	}
	for some := range slices.Chunk(channels, core.MaxBatch) { // more never come at once
		s.append(texts(1, some...)...)
	}
	s.forgetAll(channels)
	s.whole(history.Query{Channels: channels[:9], Oldest: true}, nil)
	s.whole(history.Query{Channels: []string{"quiet"}, After: s.start}, nil)
	s.whole(history.Query{Channels: []string{"forgotten"}, After: gone[2].Position}, nil)
	s.gap(history.Query{Channels: []string{"forgotten"}, After: gone[1].Position}, history.GapTrimmed)
	again := s.append(texts(1, "quiet", "forgotten", channels[0])...)
	s.whole(history.Query{Channels: []string{"quiet"}, After: s.start}, again[:1])
	s.whole(history.Query{Channels: []string{"forgotten"}, After: gone[2].Position}, again[1:2])
	s.gap(history.Query{Channels: []string{"forgotten"}, After: gone[1].Position}, history.GapTrimmed)
	s.whole(history.Query{Channels: channels[:1], Oldest: true}, again[2:])
}

// forgetAll has the store forget channels, many at the same time.
func (s *subject) forgetAll(channels []string) {
	s.f.Helper()
	ctx, cancel := s.f.within()
	defer cancel()
	const callers = 500
	var calls sync.WaitGroup
	for i := range callers {
		calls.Go(func() {
			for n := i; n < len(channels); n += callers {
				if err := s.store.Forget(ctx, channels[n]); err != nil {
					s.f.Errorf("Forget of %q: got error %v, want none", channels[n], err)
					return
				}
			}
		})
	}
	calls.Wait()
	if s.f.Failed() {
		s.f.FailNow()
	}
}

// sharedForget: what is forgotten through one store is gone for all.
func sharedForget(f *fixture) {
	open := f.storage(f, unbounded())
	one, two := f.attach(open()), f.attach(open())
	all := one.append(texts(3, "a", "b")...)
	two.head = one.head
	two.sink.reach(f, two.head.Seq)
	two.forget("a")
	f.eventually(func() string {
		if page := one.read(history.Query{Channels: []string{"a"}, Oldest: true}); len(page.Entries) > 0 {
			return "elsewhere: got " + seqs(page.Entries) + " kept, want none"
		}
		return ""
	})
	one.whole(history.Query{Channels: []string{"b"}, Oldest: true}, on("b", all))
}

// durableForget: what was forgotten stays so, and its gap stays one.
func durableForget(f *fixture) {
	open := f.storage(f, unbounded())
	s := f.attach(open())
	all := s.append(texts(2, "a", "b")...)
	s.append(onceRecord("a", "key", "x"))
	newest := s.head
	s.forget("a")
	s.finish()

	s = f.attach(open())
	s.whole(history.Query{Channels: []string{"a"}, Oldest: true}, nil)
	s.whole(history.Query{Channels: []string{"a"}, After: newest}, nil)
	s.gap(history.Query{Channels: []string{"a"}, After: all[2].Position}, history.GapTrimmed)
	s.whole(history.Query{Channels: []string{"b"}, Oldest: true}, on("b", all))
	if again := s.append(onceRecord("a", "key", "y")); again[0].Position.Seq != newest.Seq+1 {
		f.Errorf("Append after a restart: got position %v, want number %d", again[0].Position, newest.Seq+1)
	}
}
