//go:build linux

package core

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"runtime"
	"testing"
	"time"
)

// forgetStore is a store whose Forget reports its call, and blocks until the
// test releases it.
type forgetStore struct {
	*MemoryStore

	asked, may chan struct{}
}

func (f forgetStore) Forget(ctx context.Context, channel string) error {
	f.asked <- struct{}{}
	<-f.may
	return f.MemoryStore.Forget(ctx, channel)
}

// A failed change of channels may drop the last reference to a private channel.
// The stream is not locked while the store forgets that channel.
func TestChangeForgetsWithoutTheLock(t *testing.T) {
	t.Parallel()
	store := forgetStore{NewMemoryStore(Retention{}), make(chan struct{}), make(chan struct{})}
	hub := NewHub(HubConfig{Store: store})
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://a.example/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan struct{})
	gate := NewGate(hub, GateConfig{Heartbeat: -1, Middleware: []Middleware{func(h *Handshake) error {
		h.OnDeliver(func(int, int) { close(opened) })
		return nil
	}}})
	o := gate.Subscribe("a").Open(Request{Request: r})
	over := make(chan struct{})
	go func() {
		defer close(over)
		o.Run(discardConn{})
	}()
	<-opened
	private, gone := "~"+rand.Text(), "~"+rand.Text()
	hub.mu.Lock()
	c := hub.newChannel(private)
	hub.hold(c)
	hub.mu.Unlock()
	// The change acquires one private channel, and looks up the other one after
	// the first has lost its other reference.
	hub.mu.RLock()
	changed := make(chan error)
	go func() { changed <- o.stream.AddChannels(private, gone) }()
	for c.refs.Load() < 2 {
		runtime.Gosched()
	}
	c.refs.Add(-1)
	hub.mu.RUnlock()
	<-store.asked
	free := make(chan struct{})
	go func() {
		defer close(free)
		_ = o.stream.Info()
		_ = o.stream.Channels()
		o.stream.SetValue(1, 2)
	}()
	select {
	case <-free:
	case <-time.After(10 * time.Second):
		t.Error("the stream's methods: got no answer while the store forgets, want one")
	}
	close(store.may)
	if err := <-changed; !errors.Is(err, ErrChannelGone) {
		t.Errorf("AddChannels: got %v, want ErrChannelGone", err)
	}
	<-free
	cancel()
	<-over
	wantNoRefs(t, hub)
	if err := hub.Close(); err != nil {
		t.Error(err)
	}
}
