package core

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Random operations on sessions keep the totals correct and within the bounds,
// and all sessions are gone after their TTL.
func TestSessionTotals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most, bytes = 20, 32 << 10
		var m sessions
		m.init(HubConfig{SessionTTL: time.Minute, MaxSessions: most, MaxSessionBytes: bytes})
		random := rand.New(rand.NewPCG(1, 2))
		open := make(map[sessionName]int)
		for range 20_000 {
			user := strconv.Itoa(random.IntN(6))
			n := sessionName{user, strconv.Itoa(random.IntN(10))}
			switch random.IntN(4) {
			case 0:
				if _, ok := m.reopen(n); ok {
					open[n]++
				}
			case 1:
				if open[n] > 0 {
					open[n]--
					m.close(n)
				}
			default:
				opened := random.IntN(2)
				channels := make([]remembered, random.IntN(30))
				for i := range channels {
					channels[i].name = strings.Repeat("x", random.IntN(256))
				}
				if m.note(n, owner{identity: user}, channels, opened) {
					open[n] += opened
				} else {
					delete(open, n)
				}
			}
			time.Sleep(time.Duration(random.IntN(1000)) * time.Millisecond)
			wantTotals(t, &m, most, bytes)
		}
		for n := range open {
			for range open[n] {
				m.close(n)
			}
		}
		time.Sleep(time.Minute)
		if _, ok := m.reopen(sessionName{}); ok || len(m.byName)+len(m.shares)+len(m.large)+m.ended.Len()+m.bytes != 0 {
			t.Errorf("in the end: got %d memories, %d shares, %d bytes, want none", len(m.byName), len(m.shares), m.bytes)
		}
	})
}

func wantTotals(t *testing.T, m *sessions, most, bytes int) {
	t.Helper()
	if len(m.byName) > most || m.bytes > bytes {
		t.Fatalf("got %d memories of %d bytes, want %d of %d at most", len(m.byName), m.bytes, most, bytes)
	}
	size, count, ended := 0, 0, 0
	for o, s := range m.shares {
		if s.owner != o || s.count == 0 {
			t.Fatalf("share of %v: got one of %v with %d memories", o, s.owner, s.count)
		}
		size, count, ended = size+s.bytes, count+s.count, ended+s.ended.Len()
		if in := s.at < len(m.large) && m.large[s.at] == s; in != (s.ended.Len() > 0) {
			t.Fatalf("share with %d to give up: got it among those that have some: %t", s.ended.Len(), in)
		}
	}
	if size != m.bytes || count != len(m.byName) || ended != m.ended.Len() {
		t.Fatalf("shares: got %d bytes, %d memories, %d ended, want %d, %d, %d", size, count, ended, m.bytes, len(m.byName), m.ended.Len())
	}
	for i := 1; i < len(m.large); i++ {
		if m.large.Less(i, (i-1)/2) {
			t.Fatalf("share %d of %d: got it behind a smaller one", i, len(m.large))
		}
	}
	for n, one := range m.byName {
		if one.name != n || (one.streams <= 0) != (one.inAll != nil) {
			t.Fatalf("memory %v: got %d streams, listed as ended: %t", n, one.streams, one.inAll != nil)
		}
	}
}
