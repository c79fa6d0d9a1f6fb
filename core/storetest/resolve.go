package storetest

import (
	"errors"
	"fmt"

	"github.com/tidings-go/tidings/core/history"
)

// resolves checks that an ID stands for that entry.
func (s *subject) resolves(id string, want *history.Entry, channels ...string) {
	s.f.Helper()
	ctx, cancel := s.f.within()
	defer cancel()
	got, err := s.store.Resolve(ctx, channels, id)
	if err != nil || got != want.Position {
		s.f.Errorf("Resolve of %q on %q: got %v, %v, want %v", id, channels, got, err, want.Position)
	}
}

// unknown checks that an ID stands for nothing.
func (s *subject) unknown(id string, channels ...string) {
	s.f.Helper()
	ctx, cancel := s.f.within()
	defer cancel()
	if got, err := s.store.Resolve(ctx, channels, id); !errors.Is(err, history.ErrUnknownID) {
		s.f.Errorf("Resolve of %q on %q: got %v, %v, want ErrUnknownID", id, channels, got, err)
	}
}

// resolve: an ID of the app's own stands for the newest entry that has it on a
// channel. Others are unknown.
func resolve(f *fixture) {
	s := f.open(unbounded())
	s.unknown("mine", "a")
	one := s.append(named("a", "mine", "1"))
	s.append(texts(3, "a")...)
	other := s.append(named("a", "mine too: ü", "2"))
	s.resolves("mine", one[0], "a")
	s.resolves("mine too: ü", other[0], "a")
	for range 7 { // past 9, so that the newest is not the last as text
		s.append(text("a", "between"))
		again := s.append(named("a", "mine", "again"))
		s.resolves("mine", again[0], "a")
	}
	for _, id := range []string{"Mine", "min", "mine ", "mine*", "*", "", "no"} {
		s.unknown(id, "a")
	}
	s.unknown("mine", "b")
	both := s.append(named("a", "twice", "1"), named("a", "twice", "2"))
	s.resolves("twice", both[1], "a")
}

// resolveAmong: of the channels' newest entries with the ID, the oldest.
func resolveAmong(f *fixture) {
	s := f.open(unbounded())
	s.append(named("a", "id", "1"), named("b", "id", "2"))
	a := s.append(named("a", "id", "3"))[0]
	s.append(texts(9, "c")...)
	b := s.append(named("b", "id", "4"))[0]
	s.resolves("id", a, "a")
	s.resolves("id", b, "b")
	s.resolves("id", a, "a", "b")
	s.resolves("id", a, "b", "a")
	s.resolves("id", b, "c", "b", "none")
	s.unknown("id", "c", "none")
	a = s.append(named("a", "id", "5"))[0]
	s.resolves("id", a, "a")
	s.resolves("id", b, "a", "b")
}

// resolveTrimmed: an ID whose entries are all trimmed is unknown; trimming an
// older one with the same ID changes nothing.
func resolveTrimmed(f *fixture) {
	s := f.open(history.Retention{Events: bound, Bytes: -1})
	s.append(named("a", "gone", "1"), named("a", "again", "2"))
	last := s.append(named("a", "again", "3"))[0]
	s.each(texts(bound-1, "a")...)
	s.trimmedTo("a", last.Position)
	s.unknown("gone", "a")
	s.resolves("again", last, "a")
	newest := s.append(text("a", "one more"))[0]
	s.trimmedTo("a", s.at(newest.Position.Seq-bound+1))
	s.unknown("again", "a")
	kept := make([]*history.Entry, 0, bound)
	for i := range bound {
		kept = append(kept, s.append(named("a", fmt.Sprintf("id %d", i), "x"))...)
	}
	s.trimmedTo("a", kept[0].Position)
	for i, e := range kept {
		s.resolves(fmt.Sprintf("id %d", i), e, "a")
	}
}
