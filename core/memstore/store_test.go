package memstore_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/memstore"
	"github.com/tidings-go/tidings/core/storetest"
)

// testAge is an age that tests in real time can wait for.
const testAge = 50 * time.Millisecond

func TestConforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(_ testing.TB, retention history.Retention) storetest.Open {
		store := memstore.New(retention)
		return func() history.Store { return store }
	}, storetest.Options{Tells: true, Age: testAge})
}

// sinkLog is a sink that records its calls.
type sinkLog struct {
	mu        sync.Mutex
	delivered []uint64
	trimmed   []string
}

func (l *sinkLog) Deliver(entries []*history.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		l.delivered = append(l.delivered, e.Position.Seq)
	}
}

func (l *sinkLog) Trimmed(channel string, seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trimmed = append(l.trimmed, fmt.Sprintf("%s %d", channel, seq))
}

// notices returns the calls of Trimmed.
func (l *sinkLog) notices() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.trimmed)
}

// clear drops what was recorded.
func (l *sinkLog) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delivered, l.trimmed = nil, nil
}

// open returns a store that is closed in the end, and its only sink.
func open(t *testing.T, retention history.Retention) (*memstore.Store, *sinkLog) {
	t.Helper()
	store, log := memstore.New(retention), &sinkLog{}
	if _, err := store.Attach(log); err != nil {
		t.Fatalf("Attach: %v", err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return store, log
}

// appendTo appends one event with that data to each of the channels.
func appendTo(t *testing.T, store history.Store, data string, channels ...string) []*history.Entry {
	t.Helper()
	records := make([]history.Record, len(channels))
	for i, channel := range channels {
		records[i] = history.Record{Channel: channel, Body: []byte("data: " + data + "\n")}
	}
	entries, err := store.Append(t.Context(), records)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return entries
}

// kept returns the sequence numbers of what a store keeps.
func kept(t *testing.T, store history.Store, channels ...string) []uint64 {
	t.Helper()
	page, err := store.Read(t.Context(), history.Query{Channels: channels, Oldest: true})
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
func gapAfter(t *testing.T, store history.Store, seq uint64, channels ...string) history.GapReason {
	t.Helper()
	_, newest, err := store.Bounds(t.Context(), channels)
	if err != nil {
		t.Fatalf("Bounds: %v", err)
	}
	newest.Seq = seq
	_, err = store.Read(t.Context(), history.Query{Channels: channels, After: newest})
	if gap := (*history.GapError)(nil); errors.As(err, &gap) {
		return gap.Reason
	}
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return ""
}

func TestDeliversBeforeAppendReturns(t *testing.T) {
	t.Parallel()
	store, log := open(t, history.Retention{})
	for i := range 5 {
		appendTo(t, store, "x", "a", "b")
		if got, want := len(log.delivered), 2*(i+1); got != want {
			t.Fatalf("delivered when Append returns: got %d, want %d", got, want)
		}
	}
}

func TestTellsOfTrimming(t *testing.T) {
	t.Parallel()
	store, log := open(t, history.Retention{Events: 2})
	appendTo(t, store, "x", "a", "a", "b")
	if len(log.notices()) != 0 {
		t.Errorf("within bounds: got notices %v, want none", log.notices())
	}
	appendTo(t, store, "x", "a")                          // 4
	appendTo(t, store, "x", "b", "b", "a", "a", "a", "b") // 5 to 10
	want := []string{"a 1", "b 5", "a 7"}                 // one each of the batch
	if !slices.Equal(log.notices(), want) {
		t.Errorf("got notices %v, want %v", log.notices(), want)
	}
	if got, want := kept(t, store, "a", "b"), []uint64{6, 8, 9, 10}; !slices.Equal(got, want) {
		t.Errorf("got %v kept, want %v", got, want)
	}
}

func TestEndsWithErrClosed(t *testing.T) {
	t.Parallel()
	store, _ := open(t, history.Retention{})
	if err := store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if _, err := store.Append(t.Context(), make([]history.Record, 1)); !errors.Is(err, history.ErrClosed) {
		t.Errorf("Append: got %v, want ErrClosed", err)
	}
	if _, err := store.Read(t.Context(), history.Query{Channels: []string{"a"}}); !errors.Is(err, history.ErrClosed) {
		t.Errorf("Read: got %v, want ErrClosed", err)
	}
}
