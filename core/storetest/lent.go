package storetest

import (
	"unsafe"

	"github.com/tidings-go/tidings/core/history"
)

// lend returns a text whose memory is the caller's, and what the caller does
// with it when the call is over. The texts of some frameworks' requests are such.
func lend(text string) (lent string, over func()) {
	b := []byte(text)
	return unsafe.String(&b[0], len(b)), func() { //nolint:gosec // It is what some frameworks do.
		for i := range b {
			b[i] = '#'
		}
	}
}

// lentNames: texts that a store is called with, apart from those in records, are
// the caller's again when the call is over. What is kept of them is a copy.
func lentNames(f *fixture) {
	pattern, patternOver := lend("few")
	s := f.open(history.Retention{Events: -1, Bytes: -1, Channels: []history.ChannelRetention{{Pattern: pattern, Events: 2, Bytes: -1}}})
	patternOver()
	few := s.each(texts(3, "few")...)
	s.trimmedTo("few", few[1].Position)

	all := s.append(named("a", "mine", "1"), keyed("a", "k", "2"), text("b", "3"))
	want := on("a", all)
	for _, q := range []history.Query{{Oldest: true}, {Tail: 2}, {After: few[2].Position}, {Snapshot: true}} {
		name, over := lend("a")
		q.Channels = []string{name}
		page := s.read(q)
		over()
		wanted := want
		if q.Snapshot {
			wanted = want[1:]
		}
		if diff := differ(page.Entries, wanted); diff != "" {
			f.Errorf("entries that were read: %s", diff)
		}
	}
	name, over := lend("a")
	id, idOver := lend("mine")
	s.resolves(id, all[0], name)
	s.bounds(name)
	over()
	idOver()
	s.whole(history.Query{Channels: []string{"a"}, Oldest: true}, want)
	s.resolves("mine", all[0], "a")

	name, over = lend("a")
	s.forget(name)
	over()
	s.gap(history.Query{Channels: []string{"a"}, After: all[0].Position}, history.GapTrimmed)
	s.whole(history.Query{Channels: []string{"b"}, Oldest: true}, all[2:])
	if f.opts.Tells {
		f.eventually(func() string {
			if got := s.sink.hid("a"); got != all[1].Position.Seq {
				return "no notice of what was forgotten"
			}
			return ""
		})
	}
	again := s.append(text("a", "4"))
	s.whole(history.Query{Channels: []string{"a"}, Oldest: true}, again)
}
