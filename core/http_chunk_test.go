package core_test

import (
	"bufio"
	"errors"
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

// ask connects to a server, and sends a request of a version of HTTP/1.
func ask(t *testing.T, url, proto string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err = fmt.Fprintf(conn, "GET / %s\r\nHost: a.example\r\n\r\n", proto); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// serveChannel serves subscriptions to the channel a.
func serveChannel(t *testing.T) (hub *core.Hub, url string) {
	t.Helper()
	hub = core.NewHub(core.HubConfig{})
	server := httptest.NewServer(core.NewGate(hub, core.GateConfig{Heartbeat: -1, MaxUnsent: -1}).Subscribe("a"))
	t.Cleanup(func() {
		_ = hub.Close()
		server.Close()
	})
	return hub, server.URL
}

// With chunks, a client can tell the end of a stream from a cut in the middle of
// an event.
func TestChunkedBody(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		data string // of the event; a large one is stuck when the stream ends
		want error
	}{
		"end": {"x", nil},
		"cut": {strings.Repeat("x", 8<<20), io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := core.NewHub(core.HubConfig{MaxEvent: 16 << 20, RingBytes: 32 << 20})
			opened := make(chan *core.Stream, 1)
			gate := core.NewGate(hub, core.GateConfig{Heartbeat: -1, Middleware: []core.Middleware{
				func(h *core.Handshake) error { opened <- h.Stream; return nil },
			}})
			server := httptest.NewServer(gate.Subscribe("a"))
			defer server.Close()
			defer func() { _ = hub.Close() }()
			resp := ask(t, server.URL, "HTTP/1.1") //nolint:bodyclose // It ends with the connection.
			if got := resp.TransferEncoding; len(got) != 1 || got[0] != "chunked" {
				t.Errorf("transfer encoding: got %q, want chunked", got)
			}
			s := <-opened
			delivered := make(chan struct{})
			go func() {
				defer close(delivered)
				for s.Info().SentBytes < 100 && s.Err() == nil {
					_, _ = hub.Publish(t.Context(), "a", core.Event{Data: test.data})
				}
			}()
			<-delivered
			_ = s.Close()
			if _, err := io.Copy(io.Discard, resp.Body); !errors.Is(err, test.want) {
				t.Errorf("end of the body: got %v, want %v", err, test.want)
			}
		})
	}
}

// A client of HTTP/1.0 gets no chunks; its body ends with the connection, which
// core takes over all the same.
func TestHijackHTTP10(t *testing.T) {
	t.Parallel()
	hub, url := serveChannel(t)
	resp := ask(t, url, "HTTP/1.0") //nolint:bodyclose // It ends with the connection.
	in := bufio.NewReader(resp.Body)
	for line := ""; !strings.HasPrefix(line, "id: "); {
		var err error
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if resp.TransferEncoding != nil || resp.ContentLength != -1 {
		t.Errorf("body: got %q of length %d, want one that ends with the connection", resp.TransferEncoding, resp.ContentLength)
	}
	streams := hub.Streams("a")
	if len(streams) != 1 || !streams[0].Info().Owned {
		t.Fatalf("streams: got %d, want one whose connection is owned", len(streams))
	}
	if _, err := hub.Publish(t.Context(), "a", core.Event{Data: "x"}); err != nil {
		t.Fatal(err)
	}
	ev, err := core.NewDecoder(in, core.DecoderConfig{}).Next()
	if err != nil || ev.Data != "x" {
		t.Errorf("event: got %q, %v, want x", ev.Data, err)
	}
	_ = streams[0].Close()
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
		t.Errorf("end: got %q, %v, want the end of the connection", rest, err)
	}
}
