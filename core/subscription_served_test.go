//nolint:thelper // These are tests: a failure is at a line of theirs.
package core_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// servedStarts opens streams that begin with more than their sockets take, and
// reads them in pieces while events are published: none is lost or repeated.
func servedStarts(t *testing.T, e ssetest.Env) {
	const keys, size, updates = 1500, 2000, 900
	f := ssetest.New(t, e, core.HubConfig{
		RingEvents: 64, PageBytes: 16 << 10,
		Store: core.NewMemoryStore(core.Retention{Events: -1, Bytes: -1}),
	})
	starts := map[string]core.Start{"/snapshot": core.Snapshot(), "/earliest": core.Earliest(), "/last": core.Last(keys)}
	for path, start := range starts {
		f.Get(path, f.Gate(core.GateConfig{Start: start}).Subscribe("a", "b"))
		f.Get(path+"/chosen", f.Gate(core.GateConfig{}).SubscribeFunc(func(*core.Handshake) (core.Subscription, error) {
			return core.Subscription{Channels: []string{"a", "b"}, Start: start}, nil
		}))
	}
	f.Start(t)
	random := rand.New(rand.NewPCG(5, 6))
	padding := strings.Repeat("x", size)
	var all []core.Event // what was published, with its ID
	update := func(key int) {
		ev := core.Event{Key: strconv.Itoa(key), Data: fmt.Sprintf("%d %d %s", key, len(all), padding)}
		if key < 0 {
			ev.Key = ""
		}
		ev.ID = f.Publish(t, []string{"a", "b"}[(key+2)%2], ev)[0]
		all = append(all, ev)
	}
	for key := range keys {
		update(key)
		if key%5 == 0 {
			update(random.IntN(key + 1))
			update(-1)
		}
	}
	before := len(all)
	replies := make(map[string]*ssetest.Reply)
	got := make(map[string][]core.Event)
	for path := range starts {
		chosen := []string{"", "/chosen"}[random.IntN(2)]
		replies[path] = f.NarrowClient(t, 8<<10, 64<<10).Open(t, path+chosen)
		f.Streams(t, len(replies))
		got[path] = append(got[path], replies[path].Event(t)) // it has begun
	}
	for range updates {
		update(random.IntN(keys+1) - 1)
		for path, r := range replies {
			got[path] = append(got[path], r.Event(t))
		}
	}
	for path, r := range replies {
		last := all[len(all)-1].ID
		for got[path][len(got[path])-1].ID != last {
			got[path] = append(got[path], r.Event(t))
		}
		wantStart(t, path, got[path], all, before)
	}
}

// wantStart checks the events of a client that began after the first events were
// published, as many as before says.
func wantStart(t *testing.T, path string, got, all []core.Event, before int) {
	latest := make(map[string]int) // by key, of the events before
	index := make(map[string]int)
	for i, ev := range all {
		index[ev.ID] = i
		if i < before {
			latest[ev.Key] = i
		}
	}
	updated := make(map[string]bool)
	for _, ev := range all[before:] {
		updated[ev.Key] = true
	}
	seen := make(map[int]bool)
	for i, ev := range got {
		n, ok := index[ev.ID]
		if !ok || ev.Data != all[n].Data || i > 0 && n <= index[got[i-1].ID] {
			t.Fatalf("%s, event %d: got %.20q with ID %s after %s", path, i, ev.Data, ev.ID, got[max(i-1, 0)].ID)
		}
		seen[n] = true
		if path == "/snapshot" && n < before && (latest[all[n].Key] != n || all[n].Key == "") {
			t.Fatalf("%s, event %d: got number %d, which is not the latest of key %q", path, i, n, all[n].Key)
		}
	}
	for n, ev := range all {
		must := n >= before || path == "/last" && n >= index[got[0].ID]
		switch path {
		case "/snapshot":
			must = must || ev.Key != "" && latest[ev.Key] == n && !updated[ev.Key]
		case "/earliest":
			must = true
		}
		if must && !seen[n] {
			t.Fatalf("%s: got no event number %d, with key %q", path, n, ev.Key)
		}
	}
	if path == "/last" && len(seen) > 1500+len(all)-before {
		t.Errorf("%s: got %d events, want the last 1500 and those published later", path, len(seen))
	}
}
