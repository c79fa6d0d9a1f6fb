package core

import (
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/tidings-go/tidings/core/history"
)

// TestAttachWhileInUse attaches to and detaches from channels with another
// subscriber while a publisher holds the read lock: neither waits for the
// other.
func TestAttachWhileInUse(t *testing.T) {
	t.Parallel()
	hub := NewHub(HubConfig{})
	defer func() { _ = hub.Close() }()
	names := []string{"a", "b"}
	first, err := hub.attach(names)
	if err != nil {
		t.Fatal(err)
	}
	hub.mu.RLock() // as the delivery of an event does
	second, err := hub.attach(names)
	if err != nil {
		t.Fatal(err)
	}
	hub.detach(first)
	hub.mu.RUnlock()
	for i, c := range second {
		if c != first[i] || c.refs.Load() != 1 {
			t.Errorf("channel %s: got another one, or %d references, want 1", c.name, c.refs.Load())
		}
	}
	hub.detach(second)
	wantNoRefs(t, hub)
}

// TestAttachToRemovedChannel checks that no reference is left after an attempt
// to attach to several channels of which one was removed.
func TestAttachToRemovedChannel(t *testing.T) {
	t.Parallel()
	hub := NewHub(HubConfig{})
	defer func() { _ = hub.Close() }()
	used, err := hub.attach([]string{"used"})
	if err != nil {
		t.Fatal(err)
	}
	gone := history.PrivateMark + "AAAAAAAAAAAAAAAAAAAAAAAAAA"
	if !history.IsPrivate(gone) {
		t.Fatalf("%q: got a common name, want a private one", gone)
	}
	if _, err := hub.attach([]string{"new", "used", gone}); !errors.Is(err, ErrChannelGone) {
		t.Errorf("attach: got error %v, want %v", err, ErrChannelGone)
	}
	if n := used[0].refs.Load(); n != 1 {
		t.Errorf("used: got %d references, want 1", n)
	}
	hub.detach(used)
	wantNoRefs(t, hub)
}

// TestAttachConcurrently attaches and detaches many subscribers at the same
// time, so that each is at times the first and the last of a channel.
func TestAttachConcurrently(t *testing.T) {
	t.Parallel()
	hub := NewHub(HubConfig{})
	defer func() { _ = hub.Close() }()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 2000 {
				names := []string{strconv.Itoa((i + n) % 3), strconv.Itoa(3 + n%2)}
				held, err := hub.attach(names)
				if err != nil {
					t.Error(err)
					return
				}
				for i, c := range held {
					if hub.known(names[i]) != c {
						t.Errorf("channel %s: got another one than the hub's", names[i])
					}
				}
				if n%16 == 0 {
					_, _ = hub.Publish(t.Context(), names[0], Event{Data: "x"})
				}
				hub.detach(held)
			}
		})
	}
	all.Wait()
	wantNoRefs(t, hub)
}

// wantNoRefs checks that no channel of a hub is referenced.
func wantNoRefs(t *testing.T, hub *Hub) {
	t.Helper()
	hub.mu.Lock()
	defer hub.mu.Unlock()
	for name, c := range hub.channels {
		if c.refs.Load() != 0 || len(c.streams) != 0 || history.IsPrivate(name) {
			t.Errorf("channel %s: got %d references and %d streams, want none, and no private channel", name, c.refs.Load(), len(c.streams))
		}
		for i := range c.shards {
			if in := &c.shards[i]; in.n.Load() != 0 || len(in.subs) != 0 || len(in.members) != 0 {
				t.Errorf("channel %s, shard %d: got %d to tell, %d and %d, want none", name, i, in.n.Load(), len(in.subs), len(in.members))
			}
		}
	}
	for name, m := range hub.sessions.byName {
		if m.streams != 0 {
			t.Errorf("memory %v: got %d streams, want none", name, m.streams)
		}
	}
	hub.streamsMu.Lock()
	defer hub.streamsMu.Unlock()
	if n := len(hub.streams) + len(hub.early); n != 0 {
		t.Errorf("streams, open or at the gate: got %d, want none", n)
	}
}
