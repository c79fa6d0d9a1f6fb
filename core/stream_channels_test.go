package core_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
)

// openSubscribed opens a subscription, and returns both of its ends.
func openSubscribed(t *testing.T, hub *core.Hub, cfg core.GateConfig, sub core.Subscription) (*core.Stream, *memClient) {
	t.Helper()
	var stream *core.Stream
	c := connect(t, core.NewGate(hub, cfg).SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		stream = h.Stream
		return sub, nil
	}))
	synctest.Wait()
	return stream, c
}

// blocks returns what was sent since a block of the prelude, without the
// epoch of positions: "x" for data, "x @7" where that has a position, "@7" for a
// position by itself, and ":" for a comment.
func (c *memClient) blocks() []string {
	synctest.Wait()
	var all []string
	for block := range strings.SplitSeq(c.conn.text(), "\n\n") {
		text := ""
		for line := range strings.Lines(block) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
			switch value = strings.TrimPrefix(value, " "); name {
			case "data":
				text += value
			case "id":
				_, seq, _ := strings.Cut(value, "-")
				text = strings.TrimSpace(text + " @" + seq)
			case "":
				text = ":" + value
			}
		}
		if text != "" && text != ":open" {
			all = append(all, text)
		}
	}
	return all
}

func (c *memClient) wantBlocks(t *testing.T, when string, want ...string) {
	t.Helper()
	if got := c.blocks(); !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", when, got, want)
	}
}

// waitFor waits until a text was flushed.
func (c *memConn) waitFor(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := 0; ; c.await(time.Time{}) {
		for ; n < len(c.flushes); n++ {
			if strings.Contains(c.flushes[n].text, text) {
				return
			}
		}
	}
}

// After a channel was added, a client receives its position, so that it does
// not resume before it. The position is sent after all events up to there.
func TestAddChannelsTellsPosition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{})
		s, c := openSubscribed(t, hub, core.GateConfig{Heartbeat: -1}, core.Subscription{Channels: []string{"a"}})
		publish(t, hub, "b", "1", "2")
		change(t, s, []string{"b"}, nil)
		c.wantBlocks(t, "up to date", "@0", "@2")
		c.conn.block()
		publish(t, hub, "a", "3")
		synctest.Wait()
		publish(t, hub, "a", "4")
		publish(t, hub, "c", "5", "6")
		change(t, s, []string{"c"}, nil)
		publish(t, hub, "b", "7")
		publish(t, hub, "c", "8")
		c.conn.unblock()
		c.wantBlocks(t, "behind", "@0", "@2", "3 @3", "4 @4", "7 @7", "8 @8")
		c.conn.block()
		publish(t, hub, "a", "9")
		synctest.Wait()
		publish(t, hub, "a", "10")
		publish(t, hub, "d", "11")
		change(t, s, []string{"d"}, nil)
		c.conn.unblock()
		c.wantBlocks(t, "behind, and nothing follows", "@0", "@2", "3 @3", "4 @4", "7 @7", "8 @8", "9 @9", "10 @10", "@11")
		change(t, s, nil, []string{"a", "b", "c", "d"})
		publish(t, hub, "a", "12")
		change(t, s, []string{"a"}, nil)
		synctest.Wait()
		publish(t, hub, "a", "13")
		c.wantBlocks(t, "all anew", "@0", "@2", "3 @3", "4 @4", "7 @7", "8 @8", "9 @9", "10 @10", "@11", "@12", "13 @13")
	})
}

func change(t *testing.T, s *core.Stream, add, remove []string) {
	t.Helper()
	if err := s.ChangeChannels(add, remove); err != nil {
		t.Fatalf("ChangeChannels %q, %q: got %v, want nil", add, remove, err)
	}
}

// The position in a heartbeat is never ahead of an event that is still to be
// sent.
func TestHeartbeatTellsPosition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{})
		to := func(group string, data string) {
			if _, err := hub.Publish(t.Context(), "a", core.Event{Data: data}, core.Only(core.ToGroup(group))); err != nil {
				t.Fatalf("Publish: %v", err)
			}
		}
		s, c := openSubscribed(t, hub, core.GateConfig{Heartbeat: time.Second}, core.Subscription{Channels: []string{"a"}})
		if err := s.Join("x"); err != nil {
			t.Fatalf("Join: %v", err)
		}
		to("y", "1")
		to("y", "2")
		time.Sleep(1100 * time.Millisecond)
		c.wantBlocks(t, "passed over", "@0", "@2")
		time.Sleep(time.Second)
		c.wantBlocks(t, "told already", "@0", "@2", ":")
		to("y", "3")
		to("x", "4")
		time.Sleep(1100 * time.Millisecond)
		c.wantBlocks(t, "knows by an event", "@0", "@2", ":", "4 @4", ":")
		publish(t, hub, "b", "5") // not its channel: there is nothing to tell
		time.Sleep(time.Second)
		to("y", "6")
		s.Leave("x")
		to("x", "7")
		time.Sleep(time.Second)
		c.wantBlocks(t, "has left", "@0", "@2", ":", "4 @4", ":", ":", "@7")
	})
}

// A stream whose channels change is drained, however many events are published.
func TestChangeAndDrain(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	opened, begun := make(chan *core.Stream, 1), make(chan struct{})
	c := connect(t, core.NewGate(hub, core.GateConfig{Heartbeat: -1, Middleware: []core.Middleware{func(h *core.Handshake) error {
		h.OnOpen(func() { opened <- h.Stream })
		n := 0
		h.OnDeliver(func(events, _ int) {
			if events == 0 {
				return
			}
			if n++; n == 1 {
				if err := h.AddChannels("b"); err != nil {
					t.Errorf("AddChannels: %v", err)
				}
			} else if n == 3 {
				close(begun)
			}
			// There is always one more.
			_, _ = hub.Publish(context.Background(), "a", core.Event{Data: "again"})
		})
		return nil
	}}}).Subscribe("a"))
	s := <-opened
	publish(t, hub, "a", "1")
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	defer time.AfterFunc(10*time.Second, cancel).Stop()
	if err := hub.Drain(ctx); err != nil {
		t.Errorf("Drain: got %v, want nil", err)
	}
	<-c.done
	wantReason(t, s.Err(), core.ErrDraining)
}

// What is published as soon as AddChannels has returned reaches the stream, in
// order, and nothing that is published as soon as RemoveChannels has, while
// another channel keeps it busy.
func TestChangeWhileBusy(t *testing.T) {
	t.Parallel()
	const channels = 200
	hub := openHub(t, core.HubConfig{RingEvents: 1 << 20, RingBytes: 1 << 30})
	opened := make(chan *core.Stream, 1)
	c := connect(t, core.NewGate(hub, core.GateConfig{Heartbeat: -1, Middleware: []core.Middleware{func(h *core.Handshake) error {
		h.OnOpen(func() { opened <- h.Stream })
		return nil
	}}}).Subscribe("busy"))
	s := <-opened
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		for ctx.Err() == nil {
			_, _ = hub.Publish(context.Background(), "busy", core.Event{})
		}
	})
	for i := range channels {
		name := "channel " + strconv.Itoa(i)
		for errors.Is(s.AddChannels(name), core.ErrNotSubscribed) { // it is about to be
		}
		publish(t, hub, name, strconv.Itoa(i))
		if i%2 == 0 {
			continue
		}
		change(t, s, nil, []string{name})
		publish(t, hub, name, "not for it")
	}
	stop()
	all.Wait()
	end := publish(t, hub, "busy", "end")[0]
	c.conn.waitFor(end)
	c.hangUp()
	<-c.done
	want := 0
	last := uint64(0)
	for block := range strings.SplitSeq(c.conn.text(), "\n\n") {
		_, id, _ := strings.Cut(block, "id: ")
		if at, ok := core.ParsePosition(id); ok && at.Seq < last {
			t.Errorf("position %d: got it after %d", at.Seq, last)
		} else if ok {
			last = at.Seq
		}
		data, _, _ := strings.Cut(strings.TrimPrefix(block, "data: "), "\n")
		n, err := strconv.Atoi(data)
		if data == "not for it" {
			t.Errorf("got %q, which was published when its channel was removed", block)
		}
		if err != nil {
			continue
		}
		for want < n && want%2 == 1 {
			want++ // it was not sent yet when its channel was removed
		}
		if n != want {
			t.Errorf("got event %d, want %d", n, want)
		}
		want = n + 1
	}
	if want < channels-1 {
		t.Errorf("got events up to %d, want all %d", want, channels)
	}
}

// Events from before a channel was added do not count as lag.
func TestLagOfAddedChannels(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{})
		s, c := openSubscribed(t, hub, core.GateConfig{}, core.Subscription{Channels: []string{"a"}})
		publish(t, hub, "b", "1", "2", "3")
		change(t, s, []string{"b"}, nil)
		for _, when := range []string{"at once", "later"} {
			if info := s.Info(); info.LagEvents != 0 || info.LagBytes != 0 {
				t.Errorf("lag %s: got %d events of %d bytes, want none", when, info.LagEvents, info.LagBytes)
			}
			synctest.Wait()
		}
		c.conn.block()
		publish(t, hub, "b", "4")
		synctest.Wait()
		publish(t, hub, "b", "5")
		if got := s.Info().LagEvents; got != 1 {
			t.Errorf("lag behind a client that takes nothing: got %d events, want 1", got)
		}
	})
}
