package memstore

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/tidings-go/tidings/core/history"
)

// wantSums compares what the store counts with what there is.
func wantSums(t *testing.T, m *Store, when string) {
	t.Helper()
	m.mu.RLock()
	defer m.mu.RUnlock()
	kept := 0
	for name, c := range m.channels {
		kept += channelOverhead + len(name)
		latest := c.latestOfAll()
		for i := range c.ring.Len() {
			kept += c.ring.At(i).Size()
		}
		if c.latest != nil && !maps.Equal(c.latest, latest) {
			t.Errorf("%s, history of %s: got %d latest, want %d", when, name, len(c.latest), len(latest))
		}
	}
	if m.oldest.Len() != len(m.channels) {
		t.Errorf("%s: got %d channels in the store's queue, want %d", when, m.oldest.Len(), len(m.channels))
	}
	if m.bytes != kept {
		t.Errorf("%s, store: got %d bytes counted, want %d", when, m.bytes, kept)
	}
}

// deaf is a sink that does nothing.
type deaf struct{}

func (deaf) Deliver([]*history.Entry) {}
func (deaf) Trimmed(string, uint64)   {}

// However channels come, go and overflow, what is counted is what there is, and
// what there is stays within the bounds.
func TestStoreIsAccountedFor(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			accountedFor(t, rand.New(rand.NewPCG(seed, 5)))
		})
	}
}

func accountedFor(t *testing.T, random *rand.Rand) {
	t.Helper()
	const total, largest = 150_000, 2000
	m := New(history.Retention{TotalBytes: total, Events: 50, Channels: []history.ChannelRetention{{Pattern: "c*", Bytes: 5000}}})
	defer func() { _ = m.Close() }()
	if _, err := m.Attach(deaf{}); err != nil {
		t.Fatalf("Attach: %v", err)
	}
	name := func() string { return string("csx"[random.IntN(3)]) + strconv.Itoa(random.IntN(300)) }
	for turn := range 6000 {
		var err error
		switch random.IntN(12) {
		case 0:
			err = m.Forget(t.Context(), name())
		case 1:
			_, err = m.Read(t.Context(), history.Query{Channels: []string{name()}, Snapshot: true})
		default:
			records := make([]history.Record, 1+random.IntN(3))
			for i := range records {
				records[i] = history.Record{
					Channel: name(), Key: strconv.Itoa(random.IntN(4)), ID: []string{"", "own"}[random.IntN(2)],
					Body: make([]byte, random.IntN(largest/4)),
				}
			}
			_, err = m.Append(t.Context(), records)
		}
		if err != nil {
			t.Fatalf("turn %d: %v", turn, err)
		}
		if m.bytes > total+largest {
			t.Fatalf("turn %d: got %d bytes, want %d at most", turn, m.bytes, total)
		}
		if turn%100 == 0 {
			wantSums(t, m, fmt.Sprint("turn ", turn))
		}
	}
	wantSums(t, m, "at last")
}
