package redisstore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/redisstore"
	"github.com/tidings-go/tidings/core/redisstore/internal/redistest"
)

// listeners waits until connections wait for events, other than those in not, and
// returns their IDs.
func listeners(t *testing.T, s *redistest.Server, not []string) []string {
	t.Helper()
	limit := time.Now().Add(nodetest.Patience)
	for {
		list, err := s.Do("client", "list")
		must(t, err)
		var ids []string
		for line := range strings.Lines(fmt.Sprint(list)) {
			if id := strings.TrimPrefix(strings.Fields(line)[0], "id="); strings.Contains(line, " cmd=xread ") && !slices.Contains(not, id) {
				ids = append(ids, id)
			}
		}
		if len(ids) > 0 {
			return ids
		}
		if time.Now().After(limit) {
			t.Fatalf("after %v: nobody listens", nodetest.Patience)
		}
		nodetest.Pause(t.Context(), 0.01)
	}
}

// A connection that waits for events and is lost is replaced: without it, events
// of other nodes would come once in an hour.
func TestLostListener(t *testing.T) {
	t.Parallel()
	s := server(t)
	cfg := redisstore.Config{Poll: time.Hour}
	one := newNode(t, s, cfg)
	before := listeners(t, s, nil)
	two := newNode(t, s, cfg)
	r := one.Read(t, nodetest.All(""))
	two.MustPublish(t, "a", "1")
	r.Wants(t, "before", "1")
	do(t, s, []any{"client", "kill", "id", before[0]})
	two.MustPublish(t, "a", "2")
	r.Wants(t, "after", "1", "2")
}

// Connections that go silent without being closed, as through a firewall that
// forgets them, are noticed, the one that waits for events, too.
func TestSilentConnections(t *testing.T) {
	t.Parallel()
	s := server(t)
	two := newNode(t, s, redisstore.Config{})
	p := nodetest.NewProxy(t, s.Socket())
	own := listeners(t, s, nil)
	one := nodetest.New(t, openURL(t, "redis://"+p.Addr(), redisstore.Config{Poll: 100 * time.Millisecond, Timeout: 300 * time.Millisecond}))
	r := one.Read(t, nodetest.All(""))
	two.MustPublish(t, "a", "1")
	r.Wants(t, "before", "1")
	own = append(own, listeners(t, s, own)...)
	p.Freeze()
	two.MustPublish(t, "a", "2")
	r.Wants(t, "after", "1", "2")
	listeners(t, s, own)
	one.PublishWhenBack(t, "a", "3")
	r.Wants(t, "after", "1", "2", "3")
}
