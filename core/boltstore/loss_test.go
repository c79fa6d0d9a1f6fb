package boltstore_test

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// neverSyncs returns a config with which events are synced only before a read
// and by Close.
func neverSyncs() boltstore.Config {
	return boltstore.Config{Sync: boltstore.SyncInterval, Interval: -1}
}

// crash returns the path of a copy of a file, with a part of its journal: what a
// process leaves that ends without Close.
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

func wholeJournal(b []byte) []byte { return b }

func noJournal([]byte) []byte { return nil }

// ids returns the IDs of entries.
func ids(entries []*core.Entry) []string {
	var all []string
	for _, e := range entries {
		all = append(all, e.ID())
	}
	return all
}

// commitPending commits the pending records: a read does.
func commitPending(t *testing.T, store core.Store) {
	t.Helper()
	kept(t, store, "a")
}

// idsAfter returns the IDs of the events in the history of channel a after an
// ID.
func idsAfter(t *testing.T, hub *core.Hub, after string) (ids []string, err error) {
	t.Helper()
	found, err := hub.History(t.Context(), core.Subscription{Channels: []string{"a"}, After: after}, 10)
	for _, d := range found {
		ids = append(ids, d.ID)
	}
	return ids, err
}

// After a power loss, positions of lost events are answered with a gap, and are
// not given to other events. Clients with earlier positions resume.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	store := open(t, path, neverSyncs())
	safe := appendTo(t, store, record("a", "1"), record("a", "2"))
	commitPending(t, store)
	lost := appendTo(t, store, record("a", "lost"), record("a", "lost, too"))

	for _, sync := range []boltstore.Sync{boltstore.SyncAlways, boltstore.SyncInterval} {
		left := crash(t, path, noJournal)
		hub := core.NewHub(core.HubConfig{Store: open(t, left, boltstore.Config{Sync: sync})})
		id := resumeAfterLoss(t, hub, safe, lost)
		if err := hub.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if got, want := ids(kept(t, open(t, left, boltstore.Config{Sync: sync}), "a")), append(ids(safe), id); !slices.Equal(got, want) {
			t.Errorf("%v: opened again: got IDs %q, want %q", sync, got, want)
		}
	}
}

// resumeAfterLoss checks what the history answers after the IDs of synced and of
// lost events. It publishes an event, and returns its ID.
func resumeAfterLoss(t *testing.T, hub *core.Hub, safe, lost []*core.Entry) (id string) {
	t.Helper()
	if got, err := idsAfter(t, hub, safe[0].ID()); err != nil || !slices.Equal(got, ids(safe[1:])) {
		t.Errorf("after the first that was synced: got %q, %v, want %q", got, err, ids(safe[1:]))
	}
	if got, err := idsAfter(t, hub, safe[1].ID()); err != nil || len(got) != 0 {
		t.Errorf("after the last that was synced: got %q, %v, want nothing newer", got, err)
	}
	id, err := hub.Publish(t.Context(), "a", core.Event{Data: "new"})
	if err != nil {
		t.Fatalf("Publish: %v", err)
	}
	if at, _ := core.ParsePosition(id); at.Seq != 3 || at.Epoch == safe[0].Position.Epoch {
		t.Errorf("got ID %s, want number 3 of a new epoch", id)
	}
	if got, err := idsAfter(t, hub, safe[0].ID()); err != nil || !slices.Equal(got, []string{safe[1].ID(), id}) {
		t.Errorf("after the first that was synced: got %q, %v, want the old ID and %q", got, err, id)
	}
	for _, e := range lost {
		if _, err := idsAfter(t, hub, e.ID()); reason(err) != core.GapRestarted {
			t.Errorf("after a lost event: got error %v, want a gap, restarted", err)
		}
	}
	return id
}

// A process that is killed loses no event whose frame is complete in the
// journal, wherever the last write was cut off.
func TestJournalIsReplayed(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	store := open(t, path, neverSyncs())
	whole := appendTo(t, store, record("a", "settled"))
	commitPending(t, store)
	ends := map[int][]*core.Entry{0: whole} // by length of the journal
	size := 0
	for _, records := range [][]core.Record{
		{record("a", "1")},
		{record("a", "2"), record("b", "3"), record("a", "4")},
		{{Channel: "a", ID: "mine", Key: "k", To: core.ToGroup("g"), Once: "once", Body: []byte("data: 5\n")}},
		{record("b", "6")},
	} {
		whole = slices.Concat(whole, appendTo(t, store, records...))
		b, err := os.ReadFile(boltstore.JournalPath(path))
		if err != nil {
			t.Fatal(err)
		}
		size = len(b)
		ends[size] = whole
	}
	var want []*core.Entry
	for cut := range size + 1 {
		if entries, ok := ends[cut]; ok {
			want = entries
		}
		left := crash(t, path, func(b []byte) []byte { return b[:cut] })
		next := open(t, left, boltstore.Config{})
		if got := ids(kept(t, next, "a", "b")); !slices.Equal(got, ids(want)) {
			t.Fatalf("journal cut at %d of %d: got %q, want %q", cut, size, got, ids(want))
		}
		closeStore(t, next)
		if _, err := os.Stat(boltstore.JournalPath(left)); err == nil {
			t.Fatal("the journal is still there after Close")
		}
	}
}

// The once keys in a journal are remembered.
func TestJournalKeepsOnceKeys(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	r := record("a", "1")
	r.ID, r.Once = "mine", "once"
	first := appendTo(t, open(t, path, neverSyncs()), r)[0]
	r = record("a", "again")
	r.Once = "once"
	again := appendTo(t, open(t, crash(t, path, wholeJournal), boltstore.Config{}), r)[0]
	if again.ID() != "mine" || again.Position != first.Position {
		t.Errorf("got %s %v, want mine %v", again.ID(), again.Position, first.Position)
	}
}

// Earlier frames in a journal, and frames of another history, are ignored.
func TestJournalOfOthers(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	store := open(t, path, neverSyncs())
	first := appendTo(t, store, record("a", "1"), record("a", "2"))
	old, err := os.ReadFile(boltstore.JournalPath(path))
	if err != nil {
		t.Fatal(err)
	}
	commitPending(t, store)
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

// After each store that was not closed, a new epoch begins. The IDs of all
// epochs stay the same.
func TestEpochs(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	var want []string
	epochs := make(map[uint64]bool)
	for range 10 {
		store := open(t, path, neverSyncs())
		entries := appendTo(t, store, record("a", "x"), record("a", "y"))
		want = append(want, ids(entries)...)
		epochs[entries[0].Position.Epoch] = true
		path = crash(t, path, wholeJournal)
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
	// A position beyond the end of an epoch is unknown.
	at, _ := core.ParsePosition(want[1])
	at.Seq++
	if got, err := store.Resolve(t.Context(), []string{"a"}, at.String()); !errors.Is(err, core.ErrUnknownID) {
		t.Errorf("Resolve beyond an epoch: got %v, %v, want ErrUnknownID", got, err)
	}
	// After Close, the epoch continues.
	closeStore(t, store)
	epoch := appendTo(t, open(t, path, boltstore.Config{}), record("a", "z"))[0].Position.Epoch
	if last, _ := core.ParsePosition(want[19]); epoch == last.Epoch {
		t.Error("after a crash: got the same epoch, want a new one")
	}
}
