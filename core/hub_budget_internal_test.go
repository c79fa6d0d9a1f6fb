package core

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// wantSums compares what the hub counts with what there is.
func wantSums(t *testing.T, h *Hub, when string) {
	t.Helper()
	h.mu.RLock()
	sum, unused := int64(0), 0
	for name, c := range h.channels {
		if refs := c.refs.Load(); (refs == 0) != c.place.In() {
			t.Errorf("%s: %s with %d references: got it among those without %t", when, name, refs, c.place.In())
		}
		if c.place.In() {
			unused++
		}
		c.mu.Lock()
		bytes, stale, staleBytes, keys := 0, 0, 0, 0
		for i := range c.ring.Len() {
			e := c.ring.At(i)
			bytes += e.Size()
			if c.superseded(e) {
				stale++
				staleBytes += e.Size()
			} else if e.Key != "" {
				keys++
			}
		}
		if c.ring.Bytes() != bytes || c.stale != stale || c.staleBytes != staleBytes {
			t.Errorf("%s, ring of %s: got %d bytes, %d stale of %d bytes, want %d, %d of %d",
				when, name, c.ring.Bytes(), c.stale, c.staleBytes, bytes, stale, staleBytes)
		}
		if c.latest != nil && len(c.latest) != keys {
			t.Errorf("%s, ring of %s: got %d latest, want %d", when, name, len(c.latest), keys)
		}
		c.mu.Unlock()
		sum += int64(bytes)
		if c.refs.Load() == 0 {
			sum += c.overhead()
		}
		if _, filled := h.filled[c]; c.ring.Len() > 1 && !filled {
			t.Errorf("%s, ring of %s with %d entries: got it not among those to halve", when, name, c.ring.Len())
		}
	}
	for c := range h.filled {
		if h.channels[c.name] != c {
			t.Errorf("%s: got %s among the rings to halve, which is gone", when, c.name)
		}
	}
	if h.unused.Len() != unused {
		t.Errorf("%s: got %d in the queue, want %d: only those that are there", when, h.unused.Len(), unused)
	}
	if got := h.ringBytes.Load(); got != sum {
		t.Errorf("%s, rings: got %d bytes counted, want %d", when, got, sum)
	}
	h.mu.RUnlock()
}

// However channels are added, removed and overflow, the totals are correct and
// within the bounds.
func TestMemoryIsAccountedFor(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			checkAccounting(t, rand.New(rand.NewPCG(seed, 5)))
		})
	}
}

func checkAccounting(t *testing.T, random *rand.Rand) {
	t.Helper()
	const total, kept, largest = 100_000, 150_000, 2000
	store := NewMemoryStore(Retention{TotalBytes: kept, Events: 50, Channels: []ChannelRetention{{Pattern: "c*", Bytes: 5000}}})
	h := NewHub(HubConfig{
		Store: store, TotalRingBytes: total, RingEvents: 30,
		Channels: []ChannelConfig{{Pattern: "c*", Slow: Conflate, RingEvents: 10}, {Pattern: "s*", Slow: Skip, RingBytes: 3000}},
	})
	defer func() { _ = h.Close() }()
	name := func() string { return string("csx"[random.IntN(3)]) + strconv.Itoa(random.IntN(300)) }
	var held [][]*channel
	for turn := range 6000 {
		switch random.IntN(20) {
		case 0:
			names, _ := channelSet([]string{name(), name()})
			channels, err := h.attach(names)
			if err != nil {
				t.Fatalf("attach: %v", err)
			}
			held = append(held, channels)
		case 1, 2:
			if n := len(held); n > 0 {
				i := random.IntN(n)
				h.detach(held[i])
				held = slices.Delete(held, i, i+1)
			}
		case 3:
			if err := h.Forget(t.Context(), name()); err != nil {
				t.Fatalf("Forget: %v", err)
			}
		case 4:
			_, err := h.History(t.Context(), Subscription{Channels: []string{name()}, Start: Snapshot()}, 10)
			if err != nil {
				t.Fatalf("History: %v", err)
			}
		case 5:
			batch := make([]Publication, 1+random.IntN(5))
			for i := range batch {
				batch[i] = Publication{Channel: name(), Event: Event{Key: strconv.Itoa(random.IntN(4))}}
			}
			if _, err := h.PublishBatch(t.Context(), batch...); err != nil {
				t.Fatalf("PublishBatch: %v", err)
			}
		default:
			ev := Event{Data: strings.Repeat("x", random.IntN(1000)), Key: []string{"", "1", "2", "3"}[random.IntN(4)]}
			if _, err := h.Publish(t.Context(), name(), ev); err != nil {
				t.Fatalf("Publish: %v", err)
			}
		}
		// The bound may be exceeded by a sixteenth, as not every event leads to
		// a search for rings to evict. attach does not search.
		if got := h.ringBytes.Load(); got > total+total/16+2*largest {
			t.Fatalf("turn %d: got %d bytes in rings, want %d at most", turn, got, total)
		}
		if turn%100 == 0 {
			wantSums(t, h, fmt.Sprint("turn ", turn))
		}
	}
	for _, channels := range held {
		h.detach(channels)
	}
	wantSums(t, h, "at last")
}

// The same while subscribers join and leave at the same time.
func TestMemoryIsAccountedForAtTheSameTime(t *testing.T) {
	t.Parallel()
	store := NewMemoryStore(Retention{TotalBytes: 60_000})
	h := NewHub(HubConfig{Store: store, TotalRingBytes: 40_000, RingEvents: 8})
	defer func() { _ = h.Close() }()
	var all sync.WaitGroup
	for i := range 8 {
		random := rand.New(rand.NewPCG(7, uint64(i)))
		all.Go(func() {
			for n := range 1500 {
				channel := strconv.Itoa(random.IntN(200))
				switch {
				case i < 4:
					_, _ = h.Publish(t.Context(), channel, Event{Data: strings.Repeat("x", random.IntN(300)), Key: strconv.Itoa(n % 3)})
				case n%10 == 0:
					_ = h.Forget(t.Context(), channel)
				default:
					s, _, err := h.subscribe(t.Context(), nil, Subscription{Channels: []string{channel}, Start: Last(2)})
					if err != nil {
						t.Errorf("subscribe: %v", err)
						return
					}
					s.listen()
					if b, err := s.next(t.Context()); err == nil {
						b.release()
					}
					s.close()
				}
			}
		})
	}
	all.Wait()
	wantSums(t, h, "at last")
}

// A private channel that is removed while one of its events is being delivered
// does not mark subscribers of another channel as slow.
func TestPrivateEndsSpareOthers(t *testing.T) {
	t.Parallel()
	h := NewHub(HubConfig{})
	defer func() { _ = h.Close() }()
	name := "~" + strings.Repeat("A", 26)
	h.mu.Lock()
	c := h.newChannel(name)
	h.hold(c)
	h.mu.Unlock()
	h.place([]*Entry{{Position: h.position(1), Channel: name}}) // and it is not told yet
	h.detach([]*channel{c})
	s, _, err := h.subscribe(t.Context(), nil, Subscription{Channels: []string{"a"}})
	if err != nil {
		t.Fatalf("subscribe: %v", err)
	}
	defer s.close()
	h.head.Store(1)
	if b, err := s.next(t.Context()); err != nil || len(b.entries) > 0 {
		t.Errorf("next: got %d entries, %v, want nothing", len(b.entries), err)
	}
}
