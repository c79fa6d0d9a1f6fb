package core_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// shutDown shuts a server down, which must not take long.
func shutDown(t *testing.T, server *http.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
		_ = server.Close()
	}
}

// A gate whose first stream opens after the server's shutdown has begun ends
// that stream.
func TestFirstStreamAfterShutdown(t *testing.T) {
	t.Parallel()
	arrived, begun := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	endpoint := core.NewGate(openHub(t, core.HubConfig{}), core.GateConfig{Middleware: []core.Middleware{
		func(h *core.Handshake) error {
			h.OnClose(func(sum core.Summary) { ended <- sum.Reason })
			return nil
		},
	}}).Handle(waitForEnd)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-begun
		endpoint.ServeHTTP(w, r)
	}))
	server.Config.RegisterOnShutdown(func() { close(begun) })
	go func() {
		if resp, err := http.Get(server.URL); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-arrived
	shutDown(t, server.Config)
	select {
	case err := <-ended:
		wantReason(t, err, core.ErrDraining)
	default:
		t.Error("the stream: got none that has ended")
	}
	server.Close()
}

// slowPost sends the head of a request, and never its body.
func slowPost(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"); err != nil {
		t.Fatalf("request: %v", err)
	}
	return conn
}

// answer reads an answer, and returns its status.
func answer(t *testing.T, conn net.Conn) int {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("answer: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// posts are endpoints that read a request's body.
func posts(gate *core.Gate) map[string]*core.Endpoint {
	return map[string]*core.Endpoint{
		"handler":   gate.Handle(waitForEnd),
		"subscribe": gate.Subscribe("a"),
		"change":    gate.ChangeChannels(func(*core.Stream, []string) error { return nil }),
	}
}

// A request whose body never arrives does not delay a server's shutdown.
func TestShutdownWhileBodyIsAwaited(t *testing.T) {
	t.Parallel()
	for name := range posts(core.NewGate(openHub(t, core.HubConfig{}), core.GateConfig{})) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reached := make(chan struct{})
			gate := core.NewGate(openHub(t, core.HubConfig{}), core.GateConfig{
				BodyTimeout: -1,
				Middleware:  []core.Middleware{func(*core.Handshake) error { close(reached); return nil }},
			})
			server := httptest.NewServer(posts(gate)[name])
			conn := slowPost(t, server.Listener.Addr().String())
			<-reached
			shutDown(t, server.Config)
			if got := answer(t, conn); got != http.StatusServiceUnavailable {
				t.Errorf("answer: got %d, want 503", got)
			}
			server.Close()
		})
	}
}

// A request whose body does not arrive within the gate's body timeout is
// refused.
func TestBodyTimeout(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	for name, endpoint := range posts(core.NewGate(hub, core.GateConfig{BodyTimeout: 20 * time.Millisecond})) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(endpoint)
			defer server.Close()
			if got := answer(t, slowPost(t, server.Listener.Addr().String())); got != http.StatusRequestTimeout {
				t.Errorf("answer: got %d, want 408", got)
			}
		})
	}
}

// The read deadline is removed when the body has arrived in time.
func TestBodyInTime(t *testing.T) {
	t.Parallel()
	const bound = 100 * time.Millisecond
	gate := core.NewGate(openHub(t, core.HubConfig{}), core.GateConfig{BodyTimeout: bound})
	server := httptest.NewServer(gate.Handle(func(s *core.Sender) error {
		select {
		case <-s.Done():
			return s.Err()
		case <-time.After(2 * bound):
		}
		return s.Send(core.Event{Data: "late"})
	}))
	defer server.Close()
	resp, err := http.Post(server.URL, "text/plain", strings.NewReader("body"))
	if err != nil {
		t.Fatalf("POST: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	ev, err := core.NewDecoder(resp.Body, core.DecoderConfig{}).Next()
	if err != nil || ev.Data != "late" {
		t.Errorf("event: got %+v and %v, want one that comes later than the bound", ev, err)
	}
}
