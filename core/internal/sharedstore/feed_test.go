package sharedstore_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/sharedstore"
)

// sink notes the sequence numbers that were delivered.
type sink struct{ seqs []uint64 }

// Deliver implements [history.Sink].
func (s *sink) Deliver(entries []*history.Entry) {
	for _, e := range entries {
		s.seqs = append(s.seqs, e.Seq())
	}
}

// Trimmed implements [history.Sink].
func (s *sink) Trimmed(string, uint64) {}

func newFeed(t *testing.T) (*sharedstore.Feed, *sink, sharedstore.Log) {
	t.Helper()
	epochs := history.Epochs(nil).Begin(0)
	f, k := sharedstore.NewFeed(epochs, 0), new(sink)
	if _, err := f.Attach(k); err != nil {
		t.Fatal(err)
	}
	return f, k, sharedstore.Log{Epochs: epochs}
}

func entries(log sharedstore.Log, seqs ...uint64) (all []*history.Entry) {
	for _, seq := range seqs {
		all = append(all, history.Record{Channel: "a"}.At(log.Epochs.At(seq), time.Now()))
	}
	return all
}

// Where the newest entries were removed, there is nothing more to deliver.
func TestPassWithoutNewest(t *testing.T) {
	t.Parallel()
	f, k, log := newFeed(t)
	log.Head = 3
	if !f.Pass(f.Newest(), log, entries(log, 1)) {
		t.Error("Pass of a page that may be full: got false, want true")
	}
	if f.Pass(f.Newest(), log, entries(log, 1)) {
		t.Error("Pass of what was delivered: got true, want false")
	}
	log.Head = 4
	if f.Pass(f.Newest(), log, entries(log, 1, 4)) {
		t.Error("Pass up to the head: got true, want false")
	}
	if want := []uint64{1, 4}; !slices.Equal(k.seqs, want) {
		t.Errorf("delivered: got %d, want %d", k.seqs, want)
	}
}

// What the tail has delivered already is not delivered again.
func TestDeliverOwn(t *testing.T) {
	t.Parallel()
	f, k, log := newFeed(t)
	epoch := log.Epochs.Newest(0).Epoch
	for _, seqs := range [][]uint64{{1, 2}, {1}, {2, 3}, {5}, {4}} {
		f.DeliverOwn(epoch, entries(log, seqs...))
	}
	f.DeliverOwn(epoch+2, entries(log, 5))
	if want := []uint64{1, 2, 3, 4}; !slices.Equal(k.seqs, want) {
		t.Errorf("delivered: got %d, want %d", k.seqs, want)
	}
}
