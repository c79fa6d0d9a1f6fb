package middleware

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

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
				p := place{stream: new(core.Stream), client: client}
				if _, err := l.take(p); err == nil {
					count(client, 1)
					count(client, -1)
					l.giveBack(p)
				}
			}
		})
	}
	all.Wait()
	if l.total != 0 || len(l.addresses.open) != 0 {
		t.Errorf("got %d streams and %v left, want none", l.total, l.addresses.open)
	}
}

func TestLimiterWithoutALimit(t *testing.T) {
	t.Parallel()
	l := newLimiter(LimitConfig{Streams: -1, PerAddress: -1})
	client := addr("203.0.113.1")
	for range 20_000 {
		if _, err := l.take(place{client: client}); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.addresses.open) != 0 {
		t.Errorf("got %v counted, want none", l.addresses.open)
	}
	for range 20_000 {
		l.giveBack(place{client: client})
	}
	if l.total != 0 || len(l.addresses.open) != 0 {
		t.Errorf("got %d streams and %v left, want none", l.total, l.addresses.open)
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

// The rates of many addresses take bounded memory, and addresses that were quiet
// make room for others.
func TestRates(t *testing.T) {
	t.Parallel()
	now := time.Now()
	r := newRates(1, 0)
	number := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	for i := range maxRates {
		if !r.allow(number(i), now) {
			t.Fatalf("address %d: got it refused, want it allowed", i)
		}
	}
	if r.allow(number(0), now) {
		t.Error("a second stream at once: got it allowed, want it refused")
	}
	others := 0
	for i := range 100 {
		if r.allow(number(maxRates+i), now) {
			others++
		}
	}
	if others != 1 || len(r.each) != maxRates {
		t.Errorf("addresses beyond the bound: got %d allowed and %d known, want 1 and %d", others, len(r.each), maxRates)
	}
	if !r.allow(number(maxRates+1), now.Add(2*time.Second)) || len(r.each) != 1 {
		t.Errorf("after a while: got %d known, want 1", len(r.each))
	}
	if newRates(0, 0) != nil || !(*rates)(nil).allow(number(1), now) {
		t.Error("without a rate: got a limit, want none")
	}
}
