package storetest

import (
	"fmt"
	"strings"

	"github.com/tidings-go/tidings/core/history"
)

// snapshotOfAudiences: the newest of each key for each audience.
func snapshotOfAudiences(f *fixture) {
	s := f.open(history.Retention{Events: bound, Bytes: -1})
	red, blue, me := history.ToGroup("red"), history.ToGroup("blue"), history.ToIdentity("red")
	all := s.append(
		addressed("a", red, "x", "old"), addressed("a", blue, "x", "only"), addressed("a", history.Audience{}, "x", "old"),
		addressed("a", red, "x", "newest"), addressed("a", me, "x", "only"), addressed("b", red, "x", "other channel"),
		keyed("a", "x", "newest"), addressed("a", red, "", "no key"),
	)
	snapshot := history.Query{Channels: []string{"a"}, Snapshot: true}
	s.whole(snapshot, []*history.Entry{all[1], all[3], all[4], all[6]})
	s.whole(history.Query{Channels: []string{"b", "a"}, Snapshot: true}, []*history.Entry{all[1], all[3], all[4], all[5], all[6]})
	// What is trimmed leaves the others of its key.
	s.each(texts(3, "a")...)
	s.trimmedTo("a", all[2].Position)
	s.whole(snapshot, []*history.Entry{all[3], all[4], all[6]})
	again := s.append(text("a", "no key"), addressed("a", blue, "x", "again"))
	s.trimmedTo("a", all[4].Position)
	s.whole(snapshot, []*history.Entry{all[4], all[6], again[1]})
}

// patterns: the first pattern that matches a channel's name applies to it.
func patterns(f *fixture) {
	s := f.open(history.Retention{Events: 5, Bytes: -1, Channels: []history.ChannelRetention{
		{Pattern: "few/*", Events: 2, Bytes: -1},
		{Pattern: "few/many", Events: 9, Bytes: -1}, // comes too late
		{Pattern: "*ny", Events: -1, Bytes: -1},
	}})
	for _, test := range []struct {
		channel string
		keeps   int
	}{{"few/one", 2}, {"few/many", 2}, {"many", 12}, {"any", 12}, {"few", 5}, {"few/one/more", 5}, {"other", 5}} {
		all := s.each(texts(12, test.channel)...)
		kept := all[len(all)-test.keeps:]
		s.trimmedTo(test.channel, kept[0].Position)
		s.whole(history.Query{Channels: []string{test.channel}, Oldest: true}, kept)
	}
}

// notices: the sinks are told what was trimmed, and no more.
func notices(f *fixture) {
	s := f.open(history.Retention{Events: bound, Bytes: -1})
	second := f.attach(s.store)
	told := func(channel string, want uint64) {
		f.Helper()
		for i, one := range []*subject{s, second} {
			f.eventually(func() string {
				if got := one.sink.hid(channel); got != want {
					return fmt.Sprintf("sink %d, channel %q: got a notice up to %d, want %d", i, channel, got, want)
				}
				return ""
			})
		}
	}
	all := s.each(texts(bound, "a", "b")...)
	told("a", 0)
	s.append(text("a", "one more"))
	told("a", all[0].Position.Seq)
	told("b", 0)
	s.append(texts(3, "a")...)
	told("a", on("a", all)[3].Position.Seq)
	s.forget("b")
	told("b", on("b", all)[bound-1].Position.Seq)
	again := s.each(texts(bound+1, "b")...)
	told("b", again[0].Position.Seq)
	second.head = s.head
}

// idle: a channel without a new event is forgotten.
func idle(f *fixture) {
	s := f.open(history.Retention{Events: -1, Bytes: -1, Idle: f.opts.Age, Channels: []history.ChannelRetention{{Pattern: "kept", Idle: -1}}})
	kept := s.append(text("kept", "1"))
	old := s.append(named("a", "mine", "1"), keyed("a", "k", "2"))
	f.eventually(func() string {
		if page := s.read(history.Query{Channels: []string{"a"}, Oldest: true}); len(page.Entries) > 0 {
			return fmt.Sprintf("got %s kept, want none", seqs(page.Entries))
		}
		return ""
	})
	s.gap(history.Query{Channels: []string{"a"}, After: old[0].Position}, history.GapTrimmed)
	s.whole(history.Query{Channels: []string{"a"}, After: old[1].Position}, nil)
	s.whole(history.Query{Channels: []string{"a"}, Snapshot: true}, nil)
	s.unknown("mine", "a")
	s.whole(history.Query{Channels: []string{"kept"}, Oldest: true}, kept)
	s.append(text("a", "3"))
	s.gap(history.Query{Channels: []string{"a"}, After: old[0].Position}, history.GapTrimmed)
}

// totalBytes: all channels together do not take more than the bound. What is
// kept are the newest of all.
func totalBytes(f *fixture) {
	const size, room = 2000, 12 * 2000
	s := f.open(history.Retention{Events: -1, Bytes: -1, TotalBytes: room})
	channels := []string{"a", "b", "c"}
	var all []*history.Entry
	for i := range 40 {
		channel := channels[min(i%8, 2)]
		all = append(all, s.append(text(channel, strings.Repeat("x", size)))...)
	}
	var kept []*history.Entry
	f.eventually(func() string {
		page := s.read(history.Query{Channels: channels, Oldest: true})
		bytes := 0
		for _, e := range page.Entries {
			bytes += len(e.Frame())
		}
		if kept = page.Entries; bytes > room {
			return fmt.Sprintf("got %d bytes of frames kept, want at most %d", bytes, room)
		}
		return ""
	})
	if len(kept) < 6 {
		f.Fatalf("with room for about 10 events: got %s kept", seqs(kept))
	}
	if diff := differ(kept, all[len(all)-len(kept):]); diff != "" {
		f.Fatalf("kept: %s", diff)
	}
	s.gap(history.Query{Channels: channels, After: s.at(kept[0].Position.Seq - 2)}, history.GapTrimmed)
	s.whole(history.Query{Channels: channels, After: s.at(kept[0].Position.Seq - 1)}, kept)
	// One that is larger than all the room is kept as long as it is the newest.
	large := s.append(text("a", strings.Repeat("x", 2*room)))
	s.trimmedTo("a", large[0].Position)
	s.whole(history.Query{Channels: channels, Oldest: true}, large)
	small := s.append(text("b", "small"))
	s.trimmedTo("b", small[0].Position)
	s.trimmedTo("a", small[0].Position) // nothing is left of it
	s.whole(history.Query{Channels: channels, Oldest: true}, small)
}
