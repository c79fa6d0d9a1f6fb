package history_test

import (
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// A position is known as long as no later epoch began before it, and if it is
// none of those that an epoch skips.
func TestEpochsKnow(t *testing.T) {
	t.Parallel()
	e := history.Epochs{{ID: 1}, {ID: 3, Base: 10, Skip: 100}, {ID: 5, Base: 115, Skip: 100}, {ID: 7, Base: 8, Skip: 400}}
	for _, test := range []struct {
		epoch, seq uint64
		known      bool
	}{
		{1, 0, true},
		{1, 8, true},
		{1, 9, false},
		{1, 10, false},
		{3, 8, true},
		{3, 9, false},
		{3, 11, false},
		{3, 110, false},
		{5, 8, true},
		{5, 220, false},
		{7, 8, true},
		{7, 9, false},
		{7, 407, false},
		{7, 408, true},
		{7, 500, true},
		{9, 1, false},
	} {
		if got := e.Knows(history.Position{Epoch: test.epoch, Seq: test.seq}); got != test.known {
			t.Errorf("Knows %d of epoch %d: got %v, want %v", test.seq, test.epoch, got, test.known)
		}
	}
	// Without the last one, of which the head was behind.
	if e = e[:3]; !e.Knows(history.Position{Epoch: 3, Seq: 112}) || e.Knows(history.Position{Epoch: 3, Seq: 116}) {
		t.Error("Knows 112 and 116 of an epoch that ends at 115: got something else than true and false")
	}
}

// An epoch starts after all that another branch of the storage may have given
// since a common past, and after the head in any case.
func TestEpochStart(t *testing.T) {
	t.Parallel()
	now := time.Now()
	before, after := history.EpochStart(5, now), history.EpochStart(5, now.Add(time.Second))
	if after-before < 1<<22-1 {
		t.Errorf("a second later: got %d after %d, want %d more", after, before, 1<<22)
	}
	if got := history.EpochStart(after, time.Unix(0, 0)); got <= after {
		t.Errorf("while the clock is set back: got %d, want more than %d", got, after)
	}
}

// A trail tells entries from others with the same sequence number, as far back as
// it reaches.
func TestTrail(t *testing.T) {
	t.Parallel()
	at := time.UnixMicro(1)
	entry := func(seq uint64, body string) *history.Entry {
		return history.Record{Channel: "a", Body: []byte(body)}.At(history.Position{Epoch: 1, Seq: seq}, at)
	}
	var trail history.Trail
	if has, differs := trail.Has(entry(1, "x")); has || differs || trail.Oldest() != 0 {
		t.Errorf("empty: got %v, %v, oldest %d", has, differs, trail.Oldest())
	}
	for seq := uint64(2); seq <= 20_000; seq += 2 {
		trail.Add(entry(seq, "x"))
	}
	oldest := trail.Oldest()
	if oldest < 2+2 || oldest > 20_000-2000 {
		t.Errorf("Oldest: got %d", oldest)
	}
	for _, test := range []struct {
		e            *history.Entry
		has, differs bool
	}{
		{entry(oldest, "x"), true, false},
		{entry(oldest, "y"), false, true},
		{entry(20_000, "x"), true, false},
		{history.Record{Channel: "a", Body: []byte("x")}.At(history.Position{Epoch: 3, Seq: 20_000}, at), true, false},
		{history.Record{Channel: "a", Body: []byte("x")}.At(history.Position{Epoch: 1, Seq: 20_000}, at.Add(time.Microsecond)), false, true},
		{entry(oldest+1, "x"), false, false},
		{entry(oldest-2, "x"), false, false},
		{entry(20_002, "x"), false, false},
	} {
		if has, differs := trail.Has(test.e); has != test.has || differs != test.differs {
			t.Errorf("Has %d: got %v, %v, want %v, %v", test.e.Seq(), has, differs, test.has, test.differs)
		}
	}
	trail.Reset()
	if trail.Oldest() != 0 {
		t.Errorf("after Reset: got oldest %d, want 0", trail.Oldest())
	}
}
