package core_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core"
)

const mib = 1 << 20

// One client cannot evict the sessions of others, whether they differ by
// identity or by address.
func TestSessionsFairShares(t *testing.T) {
	t.Parallel()
	const ann, mallory, another = "ann", "mallory", "2001:db8:0:1::1"
	for name, c := range map[string]struct {
		cfg   core.HubConfig
		users [2]string
		peers [2]string
	}{
		"identities": {core.HubConfig{MaxSessions: 20}, [2]string{ann, mallory}, [2]string{}},
		"addresses":  {core.HubConfig{MaxSessions: 20}, [2]string{}, [2]string{"203.0.113.1:%d", "203.0.113.2:%d"}},
		"networks":   {core.HubConfig{MaxSessions: 20}, [2]string{}, [2]string{"[2001:db8:0:2::1]:80", "[2001:db8:0:1::%x]:80"}},
		"bytes":      {core.HubConfig{MaxSessionBytes: 64 << 10}, [2]string{ann, mallory}, [2]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newSessionGate(t, c.cfg)
				as := func(i, n int) {
					r.user, r.remote = c.users[i], c.peers[i]
					if strings.Contains(r.remote, "%") {
						r.remote = fmt.Sprintf(r.remote, n)
					}
				}
				as(0, 1)
				r.changeOnce(t, "one", []string{"b"}, nil)
				r.changeOnce(t, "two", []string{"c"}, nil)
				many := longNames(16, core.MaxChannelBytes)
				for i := range 100 {
					as(1, i+1)
					r.changeOnce(t, "many"+strconv.Itoa(i), many, nil)
				}
				as(1, 1)
				r.wantChannels(t, "of many, the first", "many0", "a")
				r.wantChannels(t, "of many, the last", "many99", append([]string{"a"}, many...)...)
				as(0, 1)
				r.wantChannels(t, "of few, the first", "one", "a", "b")
				r.wantChannels(t, "of few, the other", "two", "a", "c")
			})
		})
	}
}

// A client all of whose streams are open has no session to evict, and does not
// evict those of others.
func TestSessionsOfOpenStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newSessionGate(t, core.HubConfig{MaxSessions: 10})
		r.changeOnce(t, "x", []string{"b"}, nil)
		r.user = "mallory"
		for i := range 20 {
			s, _ := r.open(t, strconv.Itoa(i))
			change(t, s, []string{"b"}, nil)
		}
		r.user = "ann"
		r.wantChannels(t, "ann's", "x", "a", "b")
		r.user = "bob"
		r.changeOnce(t, "y", []string{"c"}, nil)
		r.wantChannels(t, "bob's", "y", "a", "c")
	})
}

// A session without room for its changed channels is forgotten, rather than
// restored with channels that are out of date.
func TestSessionOutgrowsBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newSessionGate(t, core.HubConfig{MaxSessionBytes: 4 << 10})
		s, c := r.open(t, "x")
		change(t, s, []string{"b"}, nil)
		change(t, s, longNames(100, 200), nil)
		c.hangUp()
		<-c.done
		r.wantChannels(t, "too large", "x", "a")
		r.changeOnce(t, "x", []string{"b"}, nil)
		r.wantChannels(t, "small again", "x", "a", "b")
	})
}

// A client that reconnects before it has received its position does not receive
// events from before its channel was added, nor a gap for them.
func TestResumeBeginsWhereAdded(t *testing.T) {
	t.Parallel()
	for _, kept := range []int{1, 100} { // events in the rings, and in history
		for _, history := range []int{4, 100} {
			synctest.Test(t, func(t *testing.T) {
				r := newSessionGate(t, core.HubConfig{RingEvents: kept, Store: core.NewMemoryStore(core.Retention{Events: history})})
				first := publish(t, r.hub, "a", "first")[0]
				publish(t, r.hub, "b", numbers(1, 9)...)
				r.changeOnce(t, "x", []string{"b"}, nil)
				publish(t, r.hub, "b", "yes")
				publish(t, r.hub, "a", "too")
				_, c := r.open(t, "x&lastEventId="+first)
				got := c.blocks()
				if got[0] == "@1" {
					got = got[1:] // its position, which is sent if the rings have what follows
				}
				if want := []string{"yes @11", "too @12"}; !slices.Equal(got, want) {
					t.Errorf("%d in the ring, %d in history: got %q, want %q", kept, history, got, want)
				}
				c.hangUp()
				<-c.done
			})
		}
	}
}
