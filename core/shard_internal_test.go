//go:build linux

package core

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// openMember opens a subscription on a hijacked connection, and returns its
// member and the client's end.
func openMember(t *testing.T, endpoint *Endpoint) (*member, net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	defer func() { _ = ln.Close() }()
	client, err := net.Dial("tcp4", ln.Addr().String())
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { _ = client.Close() })
	_ = client.SetDeadline(time.Now().Add(20 * time.Second))
	conn, err := ln.Accept()
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://a.example/", http.NoBody)
	if err != nil {
		t.Fatalf("request: %v", err)
	}
	o := endpoint.Open(Request{Request: r, CanOwn: true})
	if !o.Owned {
		t.Fatalf("opening: got %d %q, want one whose connection is owned", o.Status, o.Body)
	}
	if run := o.Own(conn, []byte("HTTP/1.1 200 OK\r\n\r\n")); run != nil {
		t.Fatal("Own: got something to run, want nil")
	}
	_ = conn.Close()
	o.stream.mu.Lock()
	defer o.stream.mu.Unlock()
	return o.stream.owner, client
}

// readUntil reads lines up to one with this prefix.
func readUntil(t *testing.T, in *bufio.Reader, prefix string) {
	t.Helper()
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("line that begins with %q: got %v", prefix, err)
		}
		if strings.HasPrefix(line, prefix) {
			return
		}
	}
}

// awaitIdle waits until a shard has no goroutine. Then a test may read the
// shard's fields.
func awaitIdle(s *shard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.running {
		s.quiet.Wait()
	}
}

func publishOne(t *testing.T, hub *Hub) {
	t.Helper()
	if _, err := hub.Publish(t.Context(), "a", Event{Data: "x"}); err != nil {
		t.Fatalf("Publish: %v", err)
	}
}

func closeHub(t *testing.T, hub *Hub) {
	t.Helper()
	if err := hub.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

// A late event of a closed socket is not attributed to the connection that has
// its slot now, even if the shard had no connections in between.
func TestLateEvent(t *testing.T) {
	t.Parallel()
	hub := NewHub(HubConfig{})
	hub.shards = hub.shards[:1]
	endpoint := NewGate(hub, GateConfig{Heartbeat: -1}).Subscribe("a")
	first, client := openMember(t, endpoint)
	in := bufio.NewReader(client)
	readUntil(t, in, "id: ")
	publishOne(t, hub)
	readUntil(t, in, "data: x") // it has joined
	awaitIdle(&hub.shards[0])
	late := sock.Event{Slot: first.slot, Gen: first.gen, Gone: true}
	_ = first.stream.Close()
	hub.shards[0].wait()

	second, client := openMember(t, endpoint)
	in = bufio.NewReader(client)
	readUntil(t, in, "id: ")
	publishOne(t, hub)
	readUntil(t, in, "data: x")
	hub.shards[0].enqueue(func(w *work) { w.events = append(w.events, late) })
	publishOne(t, hub)
	readUntil(t, in, "data: x")
	if err := second.stream.Err(); err != nil {
		t.Errorf("stream after a former one's event: got %v, want it open", err)
	}
	awaitIdle(&hub.shards[0])
	if second.slot != first.slot {
		t.Errorf("slot: got %d, want %d again", second.slot, first.slot)
	}
	closeHub(t, hub)
}

// A shard whose streams have neither heartbeats nor write timeouts has no
// timer.
func TestNoTicks(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		heartbeat, timeout, want time.Duration
	}{
		{-1, -1, 0},
		{-1, 800 * time.Millisecond, 100 * time.Millisecond},
		{400 * time.Millisecond, -1, 50 * time.Millisecond},
		{8 * time.Second, 16 * time.Second, time.Second},
		{time.Millisecond, -1, 5 * time.Millisecond},
	} {
		hub := NewHub(HubConfig{})
		hub.shards = hub.shards[:1]
		_, client := openMember(t, NewGate(hub, GateConfig{Heartbeat: test.heartbeat, WriteTimeout: test.timeout}).Subscribe("a"))
		readUntil(t, bufio.NewReader(client), "id: ")
		awaitIdle(&hub.shards[0])
		got := hub.shards[0].members.period
		if got != test.want {
			t.Errorf("heartbeat %v, write timeout %v: got a look every %v, want %v", test.heartbeat, test.timeout, got, test.want)
		}
		closeHub(t, hub)
	}
}
