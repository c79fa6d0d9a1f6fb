//go:build linux

package core

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// A client that reads nothing is timed out, even if the kernel reports its
// socket as writable again and again, as it does when it is short of memory.
func TestWritableInVain(t *testing.T) {
	t.Parallel()
	hub := NewHub(HubConfig{RingBytes: 1 << 30, Store: NewMemoryStore(Retention{Bytes: 1 << 20})})
	hub.shards = hub.shards[:1]
	shard := &hub.shards[0]
	o, client := openMember(t, NewGate(hub, GateConfig{Heartbeat: -1, WriteTimeout: 200 * time.Millisecond}).Subscribe("a"))
	awaitIdle(shard)
	writable := sock.Event{Slot: o.slot, Gen: o.gen}
	event := Event{Data: strings.Repeat("x", 1<<16)}
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(20 * time.Second); o.stream.Err() == nil; <-ticker.C {
		for range 4 { // more than the sockets take
			if _, err := hub.Publish(t.Context(), "a", event); err != nil {
				t.Fatalf("Publish: %v", err)
			}
		}
		shard.enqueue(func(w *work) { w.events = append(w.events, writable) })
		if time.Now().After(end) {
			t.Fatal("a client that takes nothing: got it kept, want it timed out")
		}
	}
	if err := o.stream.Err(); !errors.Is(err, ErrWriteTimeout) {
		t.Errorf("stream: got %v, want ErrWriteTimeout", err)
	}
	_ = client.Close()
	closeHub(t, hub)
}
