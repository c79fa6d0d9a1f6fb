package core_test

import (
	"flag"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
)

// herd is the number of clients that come back at once in TestHerd.
var herd = flag.Int("herd", 2000, "number of clients that come back at once to a slow store, such as 10000")

// Thousands of clients that come back at once to a slow store do not delay live
// streams: no virtual time passes between an event and its delivery. At most
// MaxReplays pages are read at the same time, clients that wait are sent
// heartbeats, and all catch up.
func TestHerd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const heartbeat, page = 5 * time.Second, 100 * time.Millisecond
		replays := max(*herd/160, 1) // so that some wait for longer than a heartbeat
		store := &gatedStore{Store: core.NewMemoryStore(core.Retention{}), held: func(core.Query) error {
			time.Sleep(page)
			return nil
		}}
		hub := openHub(t, core.HubConfig{RingEvents: 4, MaxReplays: replays, Store: store})
		endpoint := core.NewGate(hub, core.GateConfig{Heartbeat: heartbeat}).Subscribe("a")
		ids := publish(t, hub, "a", numbers(1, 20)...)
		live := connect(t, endpoint)
		clients := make([]*memClient, *herd)
		for i := range clients {
			r := newRequest(t, t.Context())
			r.Header.Set("Last-Event-ID", ids[0])
			clients[i] = connectAs(t, endpoint, r, func() {}, newMemConn())
		}
		for n := 21; n <= 30; n++ {
			time.Sleep(time.Second)
			began := time.Now()
			publish(t, hub, "a", strconv.Itoa(n))
			synctest.Wait()
			if got := live.conn.text(); !strings.Contains(got, "data: "+strconv.Itoa(n)+"\n") || time.Since(began) > 0 {
				t.Fatalf("live stream after event %d: got %.80q, want the event at once", n, got[max(0, len(got)-80):])
			}
		}
		waiting := 0
		for i, c := range clients {
			if text := c.conn.text(); !strings.Contains(text, "data: 2\n") {
				waiting++
				if !strings.Contains(text, beat) {
					t.Fatalf("client %d, which waits for 10 s: got %q, want a heartbeat", i, text)
				}
			}
		}
		if waiting == 0 {
			t.Error("got no client that waits")
		}
		time.Sleep(time.Duration(4**herd/replays) * page)
		synctest.Wait()
		for i, c := range clients {
			if text := c.conn.text(); !strings.Contains(text, "data: 30\n") {
				t.Fatalf("client %d: got %q, want all up to event 30", i, text)
			}
		}
		if most := store.most.Load(); most > int64(replays) {
			t.Errorf("pages at once: got %d, want %d at most", most, replays)
		}
		if err := hub.Close(); err != nil {
			t.Error(err)
		}
		for _, c := range clients {
			<-c.done
		}
	})
}
