//go:build linux

package core

import (
	"bufio"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"
)

// discardConn is a connection that discards what is written.
type discardConn struct{}

func (discardConn) Write(p []byte) (int, error)      { return len(p), nil }
func (discardConn) Flush() error                     { return nil }
func (discardConn) SetWriteDeadline(time.Time) error { return nil }

// openSubscription opens a subscription, on a hijacked connection or a
// response. It returns the stream and a function that waits for its end.
func openSubscription(t *testing.T, endpoint *Endpoint, ln net.Listener, own bool) (*Stream, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://a.example/", http.NoBody)
	if err != nil {
		t.Fatalf("request: %v", err)
	}
	var o *Opening
	if o = endpoint.Open(Request{Request: r, CanOwn: own}); !o.Streams {
		cancel()
		return nil, func() {}
	}
	var over sync.WaitGroup
	if !own {
		over.Go(func() { o.Run(discardConn{}) })
		return o.stream, func() { cancel(); over.Wait() }
	}
	client, err := net.Dial("tcp4", ln.Addr().String())
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	conn, err := ln.Accept()
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	over.Go(func() {
		if run := o.Own(conn, []byte("HTTP/1.1 200 OK\r\n\r\n")); run != nil {
			t.Error("Own: got something to run, want nil")
		}
		_ = conn.Close()
	})
	return o.stream, func() { cancel(); over.Wait(); _ = client.Close() }
}

// Streams change their channels at the same time and in all states, while they
// end in all ways. No reference to a channel is left.
func TestChangeLeavesNothing(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	defer func() { _ = ln.Close() }()
	for _, end := range []string{"close", "drain", "hub"} {
		for _, own := range []bool{false, true} {
			for range 8 {
				changeWithoutLeaks(t, ln, own, end)
			}
		}
	}
}

func changeWithoutLeaks(t *testing.T, ln net.Listener, own bool, end string) {
	t.Helper()
	const streams = 6
	var mu sync.Mutex
	hooks := make(map[string]int)
	hook := func(by int) func(string, *Stream) {
		return func(channel string, s *Stream) {
			mu.Lock()
			defer mu.Unlock()
			key := channel + s.ID()
			if hooks[key] += by; hooks[key] < 0 || hooks[key] > 1 {
				t.Errorf("hooks of one stream and channel: got %d joins more than leaves", hooks[key])
			}
		}
	}
	hub := NewHub(HubConfig{OnJoin: hook(1), OnLeave: hook(-1)})
	gate := NewGate(hub, GateConfig{Heartbeat: 10 * time.Millisecond})
	n := 0
	endpoint := gate.SubscribeFunc(func(h *Handshake) (Subscription, error) {
		n++
		return Subscription{Channels: []string{"a", h.PrivateChannel()}, SessionKey: strconv.Itoa(n % 3), Start: Earliest()}, nil
	})
	var all sync.WaitGroup
	var waits []func()
	late := make(chan struct{}, 2*streams)
	for range streams {
		s, wait := openSubscription(t, endpoint, ln, own)
		waits = append(waits, wait)
		for range 2 {
			all.Go(func() {
				changeRepeatedly(t, s, func() {
					if end == "close" {
						s.CloseWith(nil)
					}
					late <- struct{}{}
				})
			})
		}
	}
	<-late
	switch end {
	case "drain":
		_ = hub.Drain(t.Context())
	case "hub":
		closeHub(t, hub)
	}
	all.Wait()
	for _, wait := range waits {
		wait()
	}
	hub.settle() // those that were about to begin when the hub closed end later
	wantNoRefs(t, hub)
	closeHub(t, hub)
	for key, n := range hooks {
		if n != 0 {
			t.Errorf("hooks of %s: got %d joins more than leaves", key, n)
		}
	}
}

// changeRepeatedly changes the channels of a stream until it has ended. After some time,
// it calls a function.
func changeRepeatedly(t *testing.T, s *Stream, later func()) {
	t.Helper()
	names := []string{"a", "b", "c", "d"}
	for n := rand.IntN(60); s.Err() == nil; n-- {
		if n == 0 {
			later()
		}
		var lists [2][]string
		for i := range lists {
			for range rand.IntN(4) {
				lists[i] = append(lists[i], names[rand.IntN(len(names))])
			}
		}
		err := s.ChangeChannels(lists[0], lists[1])
		if err != nil && !errors.Is(err, ErrNotSubscribed) && !errors.Is(err, s.Err()) {
			t.Errorf("ChangeChannels: got %v, want none or why the stream has ended", err)
		}
		if rand.IntN(8) == 0 && len(s.Channels()) < MaxChannels/2 {
			_ = s.AddChannels(s.PrivateChannel())
		}
		_ = s.Info()
		_, _ = s.gate.hub.Publish(context.Background(), names[rand.IntN(len(names))], Event{Data: "x"})
		_ = s.RemoveChannels("none")
	}
}

// A client receives its position after a change, even if the shard serves its
// connection for another reason meanwhile.
func TestChangeTellsThePosition(t *testing.T) {
	t.Parallel()
	hub := NewHub(HubConfig{})
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	gate := NewGate(hub, GateConfig{Heartbeat: -1})
	for range 200 {
		client, err := net.Dial("tcp4", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://a.example/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		o := gate.Subscribe("a").Open(Request{Request: r, CanOwn: true})
		if o.Own(conn, nil) != nil {
			t.Fatal("Own: got something to run, want nil")
		}
		_ = conn.Close()
		s := o.stream
		if _, err = hub.Publish(t.Context(), "b", Event{Data: "x"}); err != nil {
			t.Fatal(err)
		}
		stop := make(chan struct{})
		var poking sync.WaitGroup
		poking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					s.owner.wake()
				}
			}
		})
		if err = s.AddChannels("b"); err != nil {
			t.Fatal(err)
		}
		_ = client.SetReadDeadline(time.Now().Add(10 * time.Second))
		lines := bufio.NewReader(client)
		want := "id: " + hub.position(hub.head.Load()).String() + "\n"
		for line := ""; line != want && err == nil; {
			line, err = lines.ReadString('\n')
		}
		close(stop)
		poking.Wait()
		if err != nil {
			t.Fatalf("position: got error %v, want %q", err, want)
		}
		_ = s.Close()
		_ = client.Close()
	}
	if err := hub.Close(); err != nil {
		t.Error(err)
	}
}
