package boltstore_test

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// seldom never brings anything to the disk by itself.
func seldom() boltstore.Config {
	return boltstore.Config{Sync: boltstore.SyncInterval, Interval: 24 * time.Hour}
}

// crash copies a file, and as much of its journal as there is to be, and returns
// the path of the copy: what a process that is no more has left.
func crash(t *testing.T, path string, journal func([]byte) []byte) string {
	t.Helper()
	left := fresh(t)
	for i, file := range []func(string) string{boltstore.JournalPath, func(history string) string { return history }} {
		b, err := os.ReadFile(file(path))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			b = journal(b)
		}
		if err := os.WriteFile(file(left), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return left
}

func all(b []byte) []byte { return b }

func none([]byte) []byte { return nil }

// ids returns the IDs of entries.
func ids(entries []*core.Entry) []string {
	var all []string
	for _, e := range entries {
		all = append(all, e.ID())
	}
	return all
}

// settle has what was appended brought to the disk: reading does.
func settle(t *testing.T, store core.Store) {
	t.Helper()
	kept(t, store, "a")
}

// What a power loss took is a gap for those who have seen it, and its positions
// are never given to others; what came before resumes.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	store := open(t, path, seldom())
	safe := appendTo(t, store, record("a", "1"), record("a", "2"))
	settle(t, store)
	lost := appendTo(t, store, record("a", "lost"), record("a", "lost, too"))

	for _, sync := range []boltstore.Sync{boltstore.SyncAlways, boltstore.SyncInterval} {
		left := crash(t, path, none)
		hub := core.NewHub(core.HubConfig{Store: open(t, left, boltstore.Config{Sync: sync})})
		history := func(after string) ([]string, error) {
			found, err := hub.History(t.Context(), core.Subscription{Channels: []string{"a"}, After: after}, 10)
			var ids []string
			for _, d := range found {
				ids = append(ids, d.ID)
			}
			return ids, err
		}
		if got, err := history(safe[0].ID()); err != nil || !slices.Equal(got, ids(safe[1:])) {
			t.Errorf("%v: after what was safe: got %q, %v, want %q", sync, got, err, ids(safe[1:]))
		}
		if got, err := history(safe[1].ID()); err != nil || len(got) != 0 {
			t.Errorf("%v: after the last that was safe: got %q, %v, want nothing newer", sync, got, err)
		}
		id, err := hub.Publish(t.Context(), "a", core.Event{Data: "new"})
		if err != nil {
			t.Fatalf("Publish: %v", err)
		}
		if at, _ := core.ParsePosition(id); at.Seq != 3 || at.Epoch == safe[0].Position.Epoch {
			t.Errorf("%v: got ID %s, want number 3 of a new epoch", sync, id)
		}
		if got, err := history(safe[0].ID()); err != nil || !slices.Equal(got, []string{safe[1].ID(), id}) {
			t.Errorf("%v: after what was safe: got %q, %v, want the old ID and %q", sync, got, err, id)
		}
		for _, e := range lost {
			_, err := history(e.ID())
			if gap := (*core.GapError)(nil); !errors.As(err, &gap) || gap.Reason != core.GapRestarted {
				t.Errorf("%v: after what was lost: got error %v, want a gap, restarted", sync, err)
			}
		}
		if err := hub.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if got, want := ids(kept(t, open(t, left, boltstore.Config{Sync: sync}), "a")), append(ids(safe), id); !slices.Equal(got, want) {
			t.Errorf("%v: opened again: got IDs %q, want %q", sync, got, want)
		}
	}
}

// A process that is killed loses nothing, wherever a write was cut off: what is
// whole is there.
func TestJournalIsReplayed(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	store := open(t, path, seldom())
	settled := appendTo(t, store, record("a", "settled"))
	settle(t, store)
	var want [][]*core.Entry
	sizes := []int{0}
	for _, records := range [][]core.Record{
		{record("a", "1")},
		{record("a", "2"), record("b", "3"), record("a", "4")},
		{{Channel: "a", ID: "mine", Key: "k", To: core.ToGroup("g"), Once: "once", Body: []byte("data: 5\n")}},
		{record("b", "6")},
	} {
		want = append(want, appendTo(t, store, records...))
		b, err := os.ReadFile(boltstore.JournalPath(path))
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(b))
	}
	for size := range sizes[len(sizes)-1] + 1 {
		whole := settled
		for i, entries := range want {
			if size >= sizes[i+1] {
				whole = slices.Concat(whole, entries)
			}
		}
		left := crash(t, path, func(b []byte) []byte { return b[:size] })
		next := open(t, left, boltstore.Config{})
		if got := ids(kept(t, next, "a", "b")); !slices.Equal(got, ids(whole)) {
			t.Fatalf("journal cut at %d of %v: got %q, want %q", size, sizes, got, ids(whole))
		}
		if size == sizes[len(sizes)-1] {
			again := appendTo(t, next, core.Record{Channel: "a", Once: "once", Body: []byte("data: again\n")})
			if again[0].ID() != "mine" || again[0].Position != want[2][0].Position {
				t.Errorf("once key in the journal: got %s %v, want the first", again[0].ID(), again[0].Position)
			}
		}
		closeStore(t, next)
		if _, err := os.Stat(boltstore.JournalPath(left)); err == nil {
			t.Fatal("the journal is still there after Close")
		}
	}
}

// What is left of earlier frames in the journal, or of another history's, is not
// taken for new.
func TestJournalOfOthers(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	store := open(t, path, seldom())
	first := appendTo(t, store, record("a", "1"), record("a", "2"))
	old, err := os.ReadFile(boltstore.JournalPath(path))
	if err != nil {
		t.Fatal(err)
	}
	settle(t, store)
	second := appendTo(t, store, record("a", "3"))
	want := slices.Concat(first, second)
	for name, journal := range map[string]func([]byte) []byte{
		"earlier frames behind":  func(b []byte) []byte { return append(bytes.Clone(b), old...) },
		"earlier frames before":  func(b []byte) []byte { return append(bytes.Clone(old), b...) },
		"the same frame again":   func(b []byte) []byte { return append(bytes.Clone(b), b...) },
		"noise behind the frame": func(b []byte) []byte { return append(bytes.Clone(b), bytes.Repeat([]byte{1}, 100)...) },
	} {
		next := open(t, crash(t, path, journal), boltstore.Config{})
		if got := ids(kept(t, next, "a")); !slices.Equal(got, ids(want)) {
			t.Errorf("%s: got %q, want %q", name, got, ids(want))
		}
	}

	other := fresh(t)
	if err := os.WriteFile(boltstore.JournalPath(other), old, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := kept(t, open(t, other, boltstore.Config{}), "a"); len(got) != 0 {
		t.Errorf("journal of another history: got %q, want nothing", ids(got))
	}
}

// Each store that was not closed is followed by a new epoch. The IDs of all of
// them stay what they were.
func TestEpochs(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	var want []string
	epochs := make(map[uint64]bool)
	for range 10 {
		store := open(t, path, seldom())
		entries := appendTo(t, store, record("a", "x"), record("a", "y"))
		want = append(want, ids(entries)...)
		epochs[entries[0].Position.Epoch] = true
		path = crash(t, path, all)
	}
	if len(epochs) != 10 {
		t.Errorf("got %d epochs, want 10", len(epochs))
	}
	store := open(t, path, boltstore.Config{})
	if got := ids(kept(t, store, "a")); !slices.Equal(got, want) {
		t.Errorf("got IDs %q, want %q", got, want)
	}
	for i, id := range want {
		at, err := store.Resolve(t.Context(), []string{"a"}, id)
		if err != nil || at.String() != id {
			t.Errorf("Resolve of %s: got %v, %v, want it", id, at, err)
		}
		page, err := store.Read(t.Context(), core.Query{Channels: []string{"a"}, After: at})
		if err != nil || !slices.Equal(ids(page.Entries), want[i+1:]) {
			t.Errorf("Read after %s: got %q, %v, want %q", id, ids(page.Entries), err, want[i+1:])
		}
	}
	// A position that an epoch never came to is nobody's.
	at, _ := core.ParsePosition(want[1])
	at.Seq++
	if got, err := store.Resolve(t.Context(), []string{"a"}, at.String()); !errors.Is(err, core.ErrUnknownID) {
		t.Errorf("Resolve beyond an epoch: got %v, %v, want ErrUnknownID", got, err)
	}
	// One that is closed is not followed by a new one.
	closeStore(t, store)
	epoch := appendTo(t, open(t, path, boltstore.Config{}), record("a", "z"))[0].Position.Epoch
	if last, _ := core.ParsePosition(want[19]); epoch == last.Epoch {
		t.Error("after a crash: got the same epoch, want a new one")
	}
}
