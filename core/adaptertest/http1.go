//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// dial returns a connection to the server, and its TCP connection.
func (b *bed) dial(t *testing.T) (net.Conn, *net.TCPConn) {
	t.Helper()
	c := b.client(t)
	conn, err := c.dial(t.Context(), "tcp4", b.addr, 0)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	tcp := c.conns[0]
	if b.transport.secure() {
		cfg := clientTLS(t)
		cfg.ServerName = "127.0.0.1"
		conn = tls.Client(conn, cfg)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatalf("deadline: %v", err)
	}
	return conn, tcp
}

// exchange writes a request as it is, and reads the answer's head.
func exchange(t *testing.T, conn net.Conn, in *bufio.Reader, request string) *http.Response {
	t.Helper()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatalf("request: %v", err)
	}
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("answer to %q: %v", request, err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// testHTTP10 has a client of HTTP/1.0, whose body ends with the connection.
func testHTTP10(t *testing.T, e env) {
	e.mixed = true
	b := newBed(t, e, core.HubConfig{})
	gate := b.gate(core.GateConfig{Middleware: []core.Middleware{func(s *core.Handshake) error {
		s.OnDeliver(func(events, _ int) {
			if events > 0 {
				_ = s.Close()
			}
		})
		return nil
	}}})
	b.get("/handler", gate.Handle(func(s *core.Sender) error { return s.Send(core.Event{Data: s.Request().Proto}) }))
	b.get("/channel", gate.Subscribe("news"))
	b.get("/panic", gate.Handle(func(*core.Sender) error { panic("oh old client") }))
	b.start(t)
	for _, path := range []string{"/handler", "/channel", "/panic"} {
		conn, _ := b.dial(t)
		resp := exchange(t, conn, bufio.NewReader(conn), //nolint:bodyclose // The test\'s cleanup does it.
			"GET "+path+" HTTP/1.0\r\nHost: old.example\r\nOrigin: https://app.example\r\nX-Request-Id: 7\r\n\r\n")
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream", "Transfer-Encoding": "", "Content-Length": "",
			"Access-Control-Allow-Origin": "*", "X-Request-Id": "7",
		} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s, header %s: got %q, want %q", path, name, got, want)
			}
		}
		if len(resp.TransferEncoding) > 0 || resp.ContentLength != -1 {
			t.Errorf("%s, body: got encoding %q and length %d, want one that ends with the connection",
				path, resp.TransferEncoding, resp.ContentLength)
		}
		want := map[string]string{"/handler": "data: HTTP/1.0\n\n", "/channel": "\ndata: x\n\n", "/panic": ""}[path]
		if path == "/channel" {
			b.publish(t, "news", core.Event{Data: "x"}) // after which the stream closes itself
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Errorf("%s, body: %v", path, err)
		}
		text := dropID(string(body))
		if text != "retry: 3000\n\n: open\n\n"+want {
			t.Errorf("%s, body: got %q, want a greeting and %q", path, text, want)
		}
		b.closed(t)
	}
}

// dropID removes all lines of IDs.
func dropID(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "id: ") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// testGone10 has clients of HTTP/1.0 leave.
func testGone10(t *testing.T, e env) {
	e.mixed = true
	for _, path := range []string{"/handler", "/channel"} {
		for _, reset := range []bool{false, true} {
			b, causes := goneBed(t, e)
			b.start(t)
			conn, tcp := b.dial(t)
			resp := exchange(t, conn, bufio.NewReader(conn), "GET "+path+" HTTP/1.0\r\nHost: old.example\r\n\r\n") //nolint:bodyclose // The test\'s cleanup does it.
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: got %s, want 200", path, resp.Status)
			}
			if path == "/handler" {
				_ = receive(t, causes, "start of the handler")
			}
			if reset {
				_ = tcp.SetLinger(0)
			}
			_ = tcp.Close()
			b.wantGone(t, true)
			if path == "/handler" {
				if got := receive(t, causes, "cause of the handler's context"); !wraps(got, core.ErrClientGone) {
					t.Errorf("cause of the handler's context: got %v, want ErrClientGone", got)
				}
			}
			b.empty(t)
		}
	}
}

// testKeepAlive has requests follow each other on one connection of HTTP/1.1,
// as far as the server keeps it.
func testKeepAlive(t *testing.T, e env) {
	e.mixed = true
	b := newBed(t, e, core.HubConfig{})
	gate := b.gate(core.GateConfig{})
	b.get("/", gate.Handle(func(s *core.Sender) error { return s.Send(core.Event{Data: "x"}) }))
	b.get("/once", gate.OneShot(func(*core.Handshake) (core.Event, error) { return core.Event{Data: "x"}, nil }))
	b.get("/no", gate.OneShot(func(*core.Handshake) (core.Event, error) {
		return core.Event{}, core.Refuse(http.StatusForbidden, "No.")
	}))
	b.start(t)
	conn, _ := b.dial(t)
	in := bufio.NewReader(conn)
	for _, line := range []string{"HEAD /", "GET /no", "GET /once", "HEAD /once", "HEAD /no", "GET /once", "GET /"} {
		resp := exchange(t, conn, in, line+" HTTP/1.1\r\nHost: a.example\r\n\r\n") //nolint:bodyclose // The test\'s cleanup does it.
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("%s, body: got %q and %v", line, body, err)
		}
		if got, want := len(body) > 0, strings.HasPrefix(line, "GET"); got != want {
			t.Errorf("%s, body: got %q, want one: %t", line, body, want)
		}
		if resp.Close && line != "GET /" {
			t.Errorf("%s: got Connection: close, want the connection kept", line)
		}
	}
}
