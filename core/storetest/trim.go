package storetest

import (
	"fmt"
	"strings"

	"github.com/tidings-go/tidings/core/history"
)

// bound is the number of events that the checks of trimming keep.
const bound = 8

// fills: at any number of events, what is kept is the newest of them, and
// never more than the bound.
func fills(f *fixture) {
	for _, n := range []int{1, bound - 1, bound, bound + 1, 2 * bound} {
		for _, batch := range []int{1, n} {
			s := f.open(history.Retention{Events: bound, Bytes: -1})
			var all []*history.Entry
			for i := 0; i < n; i += batch {
				all = append(all, s.append(texts(batch, "a")...)...)
			}
			kept := all[max(0, n-bound):]
			s.trimmedTo("a", kept[0].Position)
			q := history.Query{Channels: []string{"a"}, Oldest: true}
			s.whole(q, kept)
			s.paged(history.Query{Channels: q.Channels, Oldest: true, MaxEvents: 3}, kept)
			for tail := 1; tail <= bound+1; tail++ {
				s.whole(history.Query{Channels: q.Channels, Tail: tail}, kept[max(0, len(kept)-tail):])
			}
			s.afterEach(n, kept)
			if got := s.sink.hid("a"); got >= kept[0].Position.Seq {
				f.Errorf("%d events: got a notice of trimming up to %d, want less than %v", n, got, kept[0].Position)
			}
		}
	}
}

// afterEach reads after each of the n positions of a channel. Where something
// is missing, there is a gap.
func (s *subject) afterEach(n int, kept []*history.Entry) {
	s.f.Helper()
	missing := n - len(kept)
	for after := range n + 1 {
		q := history.Query{Channels: []string{"a"}, After: s.at(s.start.Seq + uint64(after))}
		if after < missing {
			s.gap(q, history.GapTrimmed)
			continue
		}
		s.whole(q, kept[after-missing:])
	}
}

// gapBoundary: right after the newest that was trimmed, nothing is missing;
// before it, something is.
func gapBoundary(f *fixture) {
	s := f.open(history.Retention{Events: bound, Bytes: -1})
	all := s.each(texts(3*bound, "a")...)
	kept := all[2*bound:]
	s.trimmedTo("a", kept[0].Position)
	newestTrimmed := kept[0].Position.Seq - 1
	s.whole(history.Query{Channels: []string{"a"}, After: s.at(newestTrimmed)}, kept)
	s.gap(history.Query{Channels: []string{"a"}, After: s.at(newestTrimmed - 1)}, history.GapTrimmed)
	s.gap(history.Query{Channels: []string{"a"}, After: s.at(newestTrimmed - 1), MaxEvents: 1}, history.GapTrimmed)
	s.gap(history.Query{Channels: []string{"a"}, After: s.start}, history.GapTrimmed)
	// Oldest and Tail ask for what is kept: there is no gap.
	s.whole(history.Query{Channels: []string{"a"}, Oldest: true}, kept)
	s.whole(history.Query{Channels: []string{"a"}, Tail: 3 * bound}, kept)
}

// trimmedApart: each channel has the bound to itself, and a gap in one of the
// queried channels is a gap. Positions between a channel's entries count.
func trimmedApart(f *fixture) {
	s := f.open(history.Retention{Events: bound, Bytes: -1})
	quiet := s.append(text("quiet", "1"))
	busy := s.each(texts(2*bound, "busy")...)
	quiet = append(quiet, s.append(text("quiet", "2"))...)
	kept := busy[bound:]
	s.trimmedTo("busy", kept[0].Position)

	s.whole(history.Query{Channels: []string{"quiet"}, After: s.start}, quiet)
	s.whole(history.Query{Channels: []string{"quiet"}, After: quiet[0].Position}, quiet[1:])
	s.whole(history.Query{Channels: []string{"quiet"}, Oldest: true}, quiet)
	s.gap(history.Query{Channels: []string{"busy", "quiet"}, After: s.start}, history.GapTrimmed)
	s.gap(history.Query{Channels: []string{"quiet", "busy"}, After: quiet[0].Position}, history.GapTrimmed)
	s.whole(history.Query{Channels: []string{"quiet", "busy"}, After: busy[bound-1].Position}, append(kept[:bound:bound], quiet[1]))
	s.whole(history.Query{Channels: []string{"quiet", "busy"}, Oldest: true}, append([]*history.Entry{quiet[0]}, append(kept[:bound:bound], quiet[1])...))
	if got := s.sink.hid("quiet"); got != 0 {
		f.Errorf("channel of which nothing is trimmed: got a notice up to %d", got)
	}
}

// trimmedSnapshot: a snapshot holds nothing that is trimmed.
func trimmedSnapshot(f *fixture) {
	s := f.open(history.Retention{Events: bound, Bytes: -1})
	s.append(keyed("a", "gone", "1"))
	early := s.append(keyed("a", "kept", "2"))
	s.each(texts(bound-1, "a")...)
	s.trimmedTo("a", early[0].Position)
	s.whole(history.Query{Channels: []string{"a"}, Snapshot: true}, early)
}

// bounds: the oldest and the newest that is kept on the channels; where there
// is nothing, the newest of all.
func bounds(f *fixture) {
	s := f.open(history.Retention{Events: bound, Bytes: -1})
	is := func(oldest, newest history.Position, channels ...string) {
		f.Helper()
		if o, n := s.bounds(channels...); o != oldest || n != newest {
			f.Errorf("Bounds of %q: got %v to %v, want %v to %v", channels, o, n, oldest, newest)
		}
	}
	is(s.start, s.start, "a")
	all := s.append(text("a", "1"), text("b", "2"), text("b", "3"), text("a", "4"), text("c", "5"))
	at := func(i int) history.Position { return all[i].Position }
	is(at(0), at(3), "a")
	is(at(1), at(2), "b")
	is(at(0), at(3), "a", "b")
	is(at(1), at(4), "c", "b")
	is(at(4), at(4), "none")
	is(at(1), at(2), "none", "b")
	more := s.each(texts(bound+1, "b")...)
	s.trimmedTo("b", more[1].Position)
	is(more[1].Position, more[bound].Position, "b")
	is(at(0), more[bound].Position, "b", "a")
	is(s.head, s.head, "none")
}

// trimmedByBytes: what is kept does not take more than the bound.
func trimmedByBytes(f *fixture) {
	const size, room = 2000, 10 * 2000
	s := f.open(history.Retention{Events: -1, Bytes: room})
	all := make([]*history.Entry, 0, 30)
	for i := range 30 {
		all = append(all, s.append(text("a", fmt.Sprintf("%0*d", size, i)))...)
	}
	var kept []*history.Entry
	f.eventually(func() string {
		page := s.read(history.Query{Channels: []string{"a"}, Oldest: true})
		bytes := 0
		for _, e := range page.Entries {
			bytes += len(e.Frame())
		}
		if kept = page.Entries; bytes > room {
			return fmt.Sprintf("got %d bytes of frames kept, want at most %d", bytes, room)
		}
		return ""
	})
	if len(kept) < 5 {
		f.Fatalf("with room for about 9 events: got %s kept", seqs(kept))
	}
	if diff := differ(kept, all[len(all)-len(kept):]); diff != "" {
		f.Fatalf("kept: %s", diff)
	}
	s.gap(history.Query{Channels: []string{"a"}, After: s.at(kept[0].Position.Seq - 2)}, history.GapTrimmed)
	s.whole(history.Query{Channels: []string{"a"}, After: s.at(kept[0].Position.Seq - 1)}, kept)
}

// largeEvent: the newest event is kept even if it is over the bound alone.
func largeEvent(f *fixture) {
	s := f.open(history.Retention{Events: -1, Bytes: 2000})
	s.append(text("a", "small"))
	large := s.append(text("a", strings.Repeat("x", 5000)))
	s.trimmedTo("a", large[0].Position)
	s.whole(history.Query{Channels: []string{"a"}, Oldest: true}, large)
	small := s.append(text("a", "small"))
	s.trimmedTo("a", small[0].Position)
	s.whole(history.Query{Channels: []string{"a"}, Oldest: true}, small)
}

// trimmedByAge: what is too old is gone, and its absence is a gap.
func trimmedByAge(f *fixture) {
	s := f.open(history.Retention{Events: -1, Bytes: -1, Age: f.opts.Age})
	old := s.append(text("a", "1"), named("a", "mine", "2"), keyed("a", "k", "3"))
	f.eventually(func() string {
		page := s.read(history.Query{Channels: []string{"a"}, Oldest: true})
		if len(page.Entries) > 0 {
			return fmt.Sprintf("got %s kept, want none", seqs(page.Entries))
		}
		return ""
	})
	s.whole(history.Query{Channels: []string{"a"}, Tail: 2}, nil)
	s.whole(history.Query{Channels: []string{"a"}, Snapshot: true}, nil)
	s.gap(history.Query{Channels: []string{"a"}, After: s.start}, history.GapTrimmed)
	s.gap(history.Query{Channels: []string{"a"}, After: old[1].Position}, history.GapTrimmed)
	s.whole(history.Query{Channels: []string{"a"}, After: old[2].Position}, nil)
	s.unknown("mine", "a")
	if oldest, newest := s.bounds("a"); oldest != s.head || newest != s.head {
		f.Errorf("Bounds where nothing is left: got %v to %v, want the newest of all, %v", oldest, newest, s.head)
	}
	// Positions go on, and the gap stays one.
	s.append(text("a", "4"))
	s.gap(history.Query{Channels: []string{"a"}, After: s.start}, history.GapTrimmed)
	if s.head.Seq != old[2].Position.Seq+1 {
		f.Errorf("after all was trimmed: got position %v, want %v", s.head, s.at(old[2].Position.Seq+1))
	}
}
