package core_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/storetest"
)

func TestMemoryStoreConforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(_ testing.TB, retention core.Retention) storetest.Open {
		store := core.NewMemoryStore(retention)
		return func() core.Store { return store }
	}, storetest.Options{Tells: true, Age: testAge})
}

// notes is a sink that takes down what it is told.
type notes struct {
	mu        sync.Mutex
	delivered []uint64
	trimmed   []string
}

func (n *notes) Deliver(entries []*core.Entry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range entries {
		n.delivered = append(n.delivered, e.Position.Seq)
	}
}

func (n *notes) Trimmed(channel string, seq uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.trimmed = append(n.trimmed, fmt.Sprintf("%s %d", channel, seq))
}

// said returns the notices of trimming.
func (n *notes) said() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.trimmed)
}

// memory returns a store, attached to notes.
func memory(t *testing.T, retention core.Retention) (*core.MemoryStore, *notes) {
	t.Helper()
	store, told := core.NewMemoryStore(retention), &notes{}
	if _, err := store.Attach(told); err != nil {
		t.Fatalf("Attach: %v", err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return store, told
}

// appendTo appends one event with that data to each of the channels.
func appendTo(t *testing.T, store core.Store, data string, channels ...string) []*core.Entry {
	t.Helper()
	records := make([]core.Record, len(channels))
	for i, channel := range channels {
		records[i] = core.Record{Channel: channel, Body: []byte("data: " + data + "\n")}
	}
	entries, err := store.Append(t.Context(), records)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return entries
}

// kept returns the sequence numbers of what a store keeps.
func kept(t *testing.T, store core.Store, channels ...string) []uint64 {
	t.Helper()
	page, err := store.Read(t.Context(), core.Query{Channels: channels, Oldest: true})
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	var seqs []uint64
	for _, e := range page.Entries {
		seqs = append(seqs, e.Position.Seq)
	}
	return seqs
}

// gapAfter returns the reason for the gap after a sequence number, or nothing.
func gapAfter(t *testing.T, store core.Store, seq uint64, channels ...string) core.GapReason {
	t.Helper()
	_, newest, err := store.Bounds(t.Context(), channels)
	if err != nil {
		t.Fatalf("Bounds: %v", err)
	}
	newest.Seq = seq
	_, err = store.Read(t.Context(), core.Query{Channels: channels, After: newest})
	if gap := (*core.GapError)(nil); errors.As(err, &gap) {
		return gap.Reason
	}
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return ""
}

func TestMemoryStoreDeliversBeforeAppendReturns(t *testing.T) {
	t.Parallel()
	store, told := memory(t, core.Retention{})
	for i := range 5 {
		appendTo(t, store, "x", "a", "b")
		if got, want := len(told.delivered), 2*(i+1); got != want {
			t.Fatalf("delivered when Append returns: got %d, want %d", got, want)
		}
	}
}

func TestMemoryStoreTellsOfTrimming(t *testing.T) {
	t.Parallel()
	store, told := memory(t, core.Retention{Events: 2})
	appendTo(t, store, "x", "a", "a", "b")
	if len(told.said()) != 0 {
		t.Errorf("within bounds: got notices %v, want none", told.said())
	}
	appendTo(t, store, "x", "a")                          // 4
	appendTo(t, store, "x", "b", "b", "a", "a", "a", "b") // 5 to 10
	want := []string{"a 1", "b 5", "a 7"}                 // one each of the batch
	if !slices.Equal(told.said(), want) {
		t.Errorf("got notices %v, want %v", told.said(), want)
	}
	if got, want := kept(t, store, "a", "b"), []uint64{6, 8, 9, 10}; !slices.Equal(got, want) {
		t.Errorf("got %v kept, want %v", got, want)
	}
}

func TestMemoryStoreEndsWithErrHubClosed(t *testing.T) {
	t.Parallel()
	store, _ := memory(t, core.Retention{})
	if err := store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if _, err := store.Append(t.Context(), make([]core.Record, 1)); !errors.Is(err, core.ErrHubClosed) {
		t.Errorf("Append: got %v, want ErrHubClosed", err)
	}
	if _, err := store.Read(t.Context(), core.Query{Channels: []string{"a"}}); !errors.Is(err, core.ErrHubClosed) {
		t.Errorf("Read: got %v, want ErrHubClosed", err)
	}
}
