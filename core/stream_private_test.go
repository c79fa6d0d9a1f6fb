package core_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core"
)

// openPrivate opens a subscription to a private channel that it makes.
func openPrivate(t *testing.T, hub *core.Hub) (name string, c *memClient) {
	t.Helper()
	c = connect(t, core.NewGate(hub, core.GateConfig{}).SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		name = h.PrivateChannel()
		return core.Subscription{Channels: []string{name}}, nil
	}))
	return name, c
}

func TestPrivateChannelNames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{})
		seen := make(map[string]bool)
		for range 100 {
			name, c := openPrivate(t, hub)
			if len(name) < 27 || seen[name] { // 5 bits a character
				t.Errorf("name: got %q, want a new one of 128 bits or more", name)
			}
			seen[name] = true
			publish(t, hub, name, "x")
			c.hangUp()
			<-c.done
			if _, err := hub.Publish(t.Context(), name, core.Event{}); !errors.Is(err, core.ErrChannelGone) {
				t.Errorf("Publish when it is gone: got %v, want ErrChannelGone", err)
			}
			if _, err := hub.PublishBatch(t.Context(), core.Publication{Channel: name}); !errors.Is(err, core.ErrChannelGone) {
				t.Errorf("PublishBatch when it is gone: got %v, want ErrChannelGone", err)
			}
		}
		wantChannels(t, hub, "when all are gone", 0)
	})
}

// Only what looks exactly like a private channel's name is one.
func TestPrivateChannelLookalikes(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	for _, name := range []string{
		"~", "~news", "~" + strings.Repeat("A", 25), "~" + strings.Repeat("A", 27), "-" + strings.Repeat("A", 26),
		"~my-channel-of-27-characters", "~the-channel-of-27-character", "~" + strings.Repeat("a", 26), "~" + strings.Repeat("1", 26),
	} {
		publish(t, hub, name, "x")
	}
	if _, err := hub.Publish(t.Context(), "~"+strings.Repeat("A", 26), core.Event{}); !errors.Is(err, core.ErrChannelGone) {
		t.Errorf("Publish to a private channel that never was: got %v, want ErrChannelGone", err)
	}
}

// PrivateChannel of a stream that has ended makes a channel that is removed
// immediately.
func TestPrivateChannelTooLate(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	var kept *core.Stream
	o := core.NewGate(hub, core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
		kept = h.Stream
		return core.Refuse(http.StatusForbidden, "")
	}}}).Subscribe("a").Open(core.Request{Request: newRequest(t, t.Context())})
	if o.Streams {
		t.Fatal("opening: got a stream, want none")
	}
	if _, err := hub.Publish(t.Context(), kept.PrivateChannel(), core.Event{}); !errors.Is(err, core.ErrChannelGone) {
		t.Errorf("Publish: got %v, want ErrChannelGone", err)
	}
	wantChannels(t, hub, "in the end", 0)
}

// An event that is published to a private channel during its removal is not
// kept.
func TestPrivateChannelGoesMeanwhile(t *testing.T) {
	t.Parallel()
	store := &appendHookStore{Store: core.NewMemoryStore(core.Retention{})}
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{Store: store})
		name, c := openPrivate(t, hub)
		store.before = func() {
			c.hangUp()
			<-c.done
		}
		if _, err := hub.Publish(t.Context(), name, core.Event{Data: "late"}); err != nil {
			t.Errorf("Publish: got %v, want none: it was there when it began", err)
		}
		wantChannels(t, hub, "in the end", 0)
		page, err := store.Read(context.Background(), core.Query{Channels: []string{name}, Oldest: true})
		if err != nil || len(page.Entries) != 0 {
			t.Errorf("history: got %d entries, %v, want none", len(page.Entries), err)
		}
	})
}

// appendHookStore is a store that calls a function before it appends.
type appendHookStore struct {
	core.Store

	before func()
}

func (m *appendHookStore) Append(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
	m.before()
	return m.Store.Append(ctx, records)
}
