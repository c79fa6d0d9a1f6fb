package middleware

import (
	"net/netip"
	"sync"
	"testing"
)

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

func newLimiter(cfg LimitConfig) *limiter {
	return &limiter{LimitConfig: cfg.withDefaults(), places: make(map[netip.Addr]int)}
}

// The limiter keeps nothing of clients without streams, and admits no more
// streams than the limit.
func TestLimiterCounts(t *testing.T) {
	t.Parallel()
	l := newLimiter(LimitConfig{Streams: 10, PerAddress: 3})
	clients := []netip.Addr{addr("203.0.113.1"), addr("203.0.113.2"), addr("203.0.113.3"), addr("2001:db8::"), {}}
	var mu sync.Mutex
	total, each := 0, make(map[netip.Addr]int)
	count := func(client netip.Addr, n int) {
		mu.Lock()
		defer mu.Unlock()
		total += n
		each[client] += n
		if total > 10 || client.IsValid() && each[client] > 3 {
			t.Errorf("got %d in all and %d of %v, want 10 and 3 at most", total, each[client], client)
		}
	}
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			client := clients[i%len(clients)]
			for range 200 {
				if l.take(client) == nil {
					count(client, 1)
					count(client, -1)
					l.giveBack(client)
				}
			}
		})
	}
	all.Wait()
	if l.total != 0 || len(l.places) != 0 {
		t.Errorf("got %d streams and %v left, want none", l.total, l.places)
	}
}

func TestLimiterWithoutALimit(t *testing.T) {
	t.Parallel()
	l := newLimiter(LimitConfig{Streams: -1, PerAddress: -1})
	client := addr("203.0.113.1")
	for range 20_000 {
		if err := l.take(client); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.places) != 0 {
		t.Errorf("got %v counted, want none", l.places)
	}
	for range 20_000 {
		l.giveBack(client)
	}
	if l.total != 0 || len(l.places) != 0 {
		t.Errorf("got %d streams and %v left, want none", l.total, l.places)
	}
}

func TestLimiterNetwork(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		bits          int
		client, other string
		same          bool
	}{
		{0, "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true},
		{0, "2001:db8:0:1::1", "2001:db8:0:2::1", false},
		{48, "2001:db8:0:1::1", "2001:db8:0:2::1", true},
		{128, "2001:db8:0:1::1", "2001:db8:0:1::2", false},
		{0, "203.0.113.1", "203.0.113.2", false},
		{1, "203.0.113.1", "203.0.113.2", false},
	} {
		l := newLimiter(LimitConfig{IPv6Prefix: test.bits})
		if got := l.network(addr(test.client)) == l.network(addr(test.other)); got != test.same {
			t.Errorf("got %s and %s the same with %d bits: %v, want %v", test.client, test.other, test.bits, got, test.same)
		}
	}
}
