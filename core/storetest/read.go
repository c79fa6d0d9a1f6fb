package storetest

import (
	"fmt"
	"strconv"

	"github.com/tidings-go/tidings/core/history"
)

// readAfter: a page holds what follows After, all of it and nothing else.
func readAfter(f *fixture) {
	s := f.open(unbounded())
	all := s.each(texts(12, "a")...)
	for after := range len(all) + 1 {
		s.whole(history.Query{Channels: []string{"a"}, After: s.at(uint64(after))}, all[after:])
	}
}

// readOldest: all that is kept, and nothing where nothing is.
func readOldest(f *fixture) {
	s := f.open(unbounded())
	s.whole(history.Query{Channels: []string{"a"}, Oldest: true}, nil)
	all := s.append(texts(7, "a")...)
	s.whole(history.Query{Channels: []string{"a"}, Oldest: true}, all)
	s.whole(history.Query{Channels: []string{"other"}, Oldest: true}, nil)
	s.whole(history.Query{Channels: []string{"a", "other"}, Oldest: true}, all)
}

// readTail: the newest so many of all channels together.
func readTail(f *fixture) {
	s := f.open(unbounded())
	s.whole(history.Query{Channels: []string{"a"}, Tail: 3}, nil)
	all := s.append(append(texts(4, "a", "b"), texts(3, "b")...)...)
	for n := 1; n <= len(all)+1; n++ {
		s.whole(history.Query{Channels: []string{"a", "b"}, Tail: n}, all[max(0, len(all)-n):])
		own := on("a", all)
		s.whole(history.Query{Channels: []string{"a"}, Tail: n}, own[max(0, len(own)-n):])
	}
	s.whole(history.Query{Channels: []string{"other"}, Tail: 3}, nil)
	// A bound leaves the newer ones for the next page.
	s.paged(history.Query{Channels: []string{"a", "b"}, Tail: 7, MaxEvents: 3}, all[len(all)-7:])
}

// readSnapshot: the newest of each key on each channel, page by page.
func readSnapshot(f *fixture) {
	s := f.open(unbounded())
	s.whole(history.Query{Channels: []string{"a"}, Snapshot: true}, nil)
	all := s.append(
		keyed("a", "x", "old"), keyed("b", "x", "other channel"), text("a", "no key"), keyed("a", "y", "only"),
		keyed("a", "x", "newer"), keyed("a", "z", "old"), text("b", "no key"), keyed("a", "x", "newest"),
		keyed("a", "z", "newest"), text("a", "no key"),
	)
	ax, ay, az, bx := all[7], all[3], all[8], all[1]
	for _, test := range []struct {
		channels []string
		want     []*history.Entry
	}{{[]string{"a"}, []*history.Entry{ay, ax, az}}, {[]string{"a", "b"}, []*history.Entry{bx, ay, ax, az}}, {[]string{"other"}, nil}} {
		q := history.Query{Channels: test.channels, Snapshot: true}
		s.whole(q, test.want)
		for n := 1; n <= len(test.want)+1; n++ {
			q.MaxEvents, q.MaxBytes = n, 0
			s.paged(q, test.want)
			q.MaxEvents, q.MaxBytes = 0, 100*n
			s.paged(q, test.want)
		}
	}
	// What is newer since takes the place of what it is newer than, behind it.
	page := s.read(history.Query{Channels: []string{"a"}, Snapshot: true, MaxEvents: 1})
	newer := s.append(keyed("a", "x", "newest of all"))
	s.whole(history.Query{Channels: []string{"a"}, Snapshot: true, After: page.Through}, []*history.Entry{az, newer[0]})
}

// paged checks that the pages that answer q, together, hold those entries.
func (s *subject) paged(q history.Query, want []*history.Entry) {
	s.f.Helper()
	first := q
	var got []*history.Entry
	for range len(want) + 2 {
		page := s.read(q)
		n, bytes := len(page.Entries), 0
		for _, e := range page.Entries {
			bytes += len(e.Frame())
		}
		if q.MaxEvents > 0 && n > q.MaxEvents || q.MaxBytes > 0 && bytes > q.MaxBytes && n > 1 {
			s.f.Fatalf("Read %+v: got %d entries with frames of %d bytes, more than asked for", q, n, bytes)
		}
		got = append(got, page.Entries...)
		if page.Through == s.head {
			if diff := differ(got, want); diff != "" {
				s.f.Fatalf("pages of %+v: %s", first, diff)
			}
			return
		}
		if n == 0 || page.Through != page.Entries[n-1].Position {
			s.f.Fatalf("Read %+v: got %s through %v, want through the last of them", q, seqs(page.Entries), page.Through)
		}
		q.Oldest, q.Tail, q.After = false, 0, page.Through // a snapshot stays one
	}
	s.f.Fatalf("pages of %+v: got no end after %s, want through %v", first, seqs(got), s.head)
}

// pagesByCount: MaxEvents bounds a page, and Through is where to go on.
func pagesByCount(f *fixture) {
	s := f.open(unbounded())
	all := s.append(texts(6, "a", "b")...)
	for n := 1; n <= len(all)+1; n++ {
		s.paged(history.Query{Channels: []string{"a", "b"}, Oldest: true, MaxEvents: n}, all)
		s.paged(history.Query{Channels: []string{"a", "b"}, After: s.at(3), MaxEvents: n}, all[3:])
		s.paged(history.Query{Channels: []string{"a"}, Oldest: true, MaxEvents: n}, on("a", all))
		s.paged(history.Query{Channels: []string{"a", "b"}, Tail: 5, MaxEvents: n}, all[len(all)-5:])
	}
}

// pagesByBytes: MaxBytes bounds a page, but for one entry.
func pagesByBytes(f *fixture) {
	s := f.open(unbounded())
	var records []history.Record
	for i := range 12 {
		records = append(records, text([]string{"a", "b"}[i%2], fmt.Sprintf("%0*d", 1+300*(i%5), i)))
	}
	all := s.append(records...)
	for _, n := range []int{1, 200, 500, 1500, 4000, 1 << 20} {
		s.paged(history.Query{Channels: []string{"a", "b"}, Oldest: true, MaxBytes: n}, all)
		s.paged(history.Query{Channels: []string{"b"}, After: s.start, MaxBytes: n}, on("b", all))
		s.paged(history.Query{Channels: []string{"a", "b"}, Oldest: true, MaxBytes: n, MaxEvents: 3}, all)
	}
	page := s.read(history.Query{Channels: []string{"a", "b"}, Oldest: true, MaxBytes: 1 << 20})
	if len(page.Entries) != len(all) {
		f.Errorf("a page of up to 1 MiB: got %s, want all of %s", seqs(page.Entries), seqs(all))
	}
}

// mergedChannels: the entries of several channels come in the one order, those
// of others not at all.
func mergedChannels(f *fixture) {
	s := f.open(unbounded())
	var all []*history.Entry
	for i, channel := range []string{"b", "a", "a", "c", "b", "ab", "c", "c", "a", "b", "A", "a.b", "a"} {
		all = append(all, s.append(text(channel, strconv.Itoa(i)))...)
	}
	for _, channels := range [][]string{{"a"}, {"b"}, {"a", "b"}, {"c", "a"}, {"c", "b", "a"}, {"ab"}, {"A", "a.b"}, {"a", "none"}} {
		var want []*history.Entry
		for _, e := range all {
			for _, channel := range channels {
				if e.Channel == channel {
					want = append(want, e)
				}
			}
		}
		s.whole(history.Query{Channels: channels, Oldest: true}, want)
		s.whole(history.Query{Channels: channels, After: s.start}, want)
		s.paged(history.Query{Channels: channels, Oldest: true, MaxEvents: 2}, want)
	}
}

// numericOrder: positions compare as numbers, also where they get one more
// digit, and a number of the same digits more.
func numericOrder(f *fixture) {
	s := f.open(unbounded())
	all := s.append(texts(55, "a", "b")...)
	for _, after := range []uint64{0, 1, 2, 8, 9, 10, 11, 19, 20, 21, 98, 99, 100, 101, 109, 110} {
		s.whole(history.Query{Channels: []string{"a", "b"}, After: s.at(after)}, all[after:])
		s.whole(history.Query{Channels: []string{"b"}, After: s.at(after)}, on("b", all[after:]))
	}
	for n := range 12 {
		s.whole(history.Query{Channels: []string{"a", "b"}, Tail: 5 + 10*n}, all[max(0, len(all)-5-10*n):])
	}
	if oldest, newest := s.bounds("a", "b"); oldest != s.at(1) || newest != s.at(110) {
		f.Errorf("Bounds: got %v to %v, want %v to %v", oldest, newest, s.at(1), s.at(110))
	}
}

// nothingNewer: nothing newer than After is an empty page, not a gap, also on
// a channel that has never had an entry, and right at the start.
func nothingNewer(f *fixture) {
	s := f.open(history.Retention{Events: 2, Bytes: -1})
	s.whole(history.Query{Channels: []string{"a"}, After: s.start}, nil)
	s.each(texts(1, "a")...)
	s.whole(history.Query{Channels: []string{"other"}, After: s.start}, nil)
	s.each(texts(5, "a", "b")...)
	s.whole(history.Query{Channels: []string{"a", "b"}, After: s.head}, nil)
	s.whole(history.Query{Channels: []string{"a"}, After: s.head}, nil)
	s.whole(history.Query{Channels: []string{"other"}, After: s.head}, nil)
	s.whole(history.Query{Channels: []string{"a"}, After: s.head, MaxEvents: 1, MaxBytes: 1}, nil)
}

// unknownPosition: a position that nothing has been given yet is unknown.
func unknownPosition(f *fixture) {
	s := f.open(unbounded())
	s.gap(history.Query{Channels: []string{"a"}, After: s.at(1)}, history.GapUnknown)
	s.append(texts(3, "a")...)
	s.gap(history.Query{Channels: []string{"a"}, After: s.at(s.head.Seq + 1)}, history.GapUnknown)
	s.gap(history.Query{Channels: []string{"a", "b"}, After: s.at(1 << 40)}, history.GapUnknown)
	s.gap(history.Query{Channels: []string{"b"}, After: s.at(1<<64 - 1), MaxEvents: 1}, history.GapUnknown)
}

// otherEpoch: a position of another epoch is from before a restart, whatever
// its sequence number.
func otherEpoch(f *fixture) {
	s := f.open(unbounded())
	s.append(texts(3, "a")...)
	for _, epoch := range []uint64{s.start.Epoch + 2, s.start.Epoch - 1, 1<<64 - 1} {
		for _, seq := range []uint64{0, 1, 3, 4, 1000} {
			s.gap(history.Query{Channels: []string{"a"}, After: history.Position{Epoch: epoch, Seq: seq}}, history.GapRestarted)
		}
	}
}
