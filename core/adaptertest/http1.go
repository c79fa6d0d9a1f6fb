//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// testHTTP10 serves HTTP/1.0, where a body ends with the connection.
func testHTTP10(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{Middleware: []core.Middleware{func(s *core.Handshake) error {
		s.OnDeliver(func(events, _ int) {
			if events > 0 {
				_ = s.Close()
			}
		})
		return nil
	}}})
	f.Get("/handler", gate.Handle(func(s *core.Sender) error { return s.Send(core.Event{Data: s.Request().Proto}) }))
	f.Get("/channel", gate.Subscribe("news"))
	f.Get("/panic", gate.Handle(func(*core.Sender) error { panic("oh old client") }))
	f.Start(t)
	for _, path := range []string{"/handler", "/channel", "/panic"} {
		resp := f.RawConn(t).MustAsk(t, ssetest.Request(path, "1.0", "Origin: https://app.example", "X-Request-Id: 7"))
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
			f.Publish(t, "news", core.Event{Data: "x"}) // after which the stream closes itself
		}
		text := withoutIDs(resp.Text(t))
		if text != "retry: 3000\n\n: open\n\n"+want {
			t.Errorf("%s, body: got %q, want the prelude and %q", path, text, want)
		}
		f.Closed(t)
	}
}

// withoutIDs removes all lines of IDs.
func withoutIDs(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "id: ") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// testGone10 cuts connections of HTTP/1.0.
func testGone10(t *testing.T, e ssetest.Env) {
	for _, path := range []string{"/handler", "/channel"} {
		for _, reset := range []bool{false, true} {
			f, causes := newGone(t, e)
			f.Start(t)
			conn := f.RawConn(t)
			resp := conn.MustAsk(t, ssetest.Request(path, "1.0"))
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: got %s, want 200", path, resp.Status)
			}
			if path == "/handler" {
				_ = ssetest.Receive(t, causes, "start of the handler")
			}
			conn.Cut(reset)
			wantGone(t, f, true)
			if path == "/handler" {
				if got := ssetest.Receive(t, causes, "cause of the handler's context"); !errors.Is(got, core.ErrClientGone) {
					t.Errorf("cause of the handler's context: got %v, want ErrClientGone", got)
				}
			}
			f.Empty(t)
		}
	}
}

// testKeepAlive sends requests one after the other on a connection of HTTP/1.1,
// which the server keeps up to the first stream.
func testKeepAlive(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{})
	f.Get("/", gate.Handle(func(s *core.Sender) error { return s.Send(core.Event{Data: "x"}) }))
	f.Get("/once", gate.OneShot(func(*core.Handshake) (core.Event, error) { return core.Event{Data: "x"}, nil }))
	f.Get("/no", gate.OneShot(func(*core.Handshake) (core.Event, error) {
		return core.Event{}, core.Refuse(http.StatusForbidden, "No.")
	}))
	f.Start(t)
	conn := f.RawConn(t)
	for _, line := range []string{"HEAD /", "GET /no", "GET /once", "HEAD /once", "HEAD /no", "GET /once", "GET /"} {
		resp := conn.MustAsk(t, line+" HTTP/1.1\r\nHost: a.example\r\n\r\n")
		body := resp.Text(t)
		if got, want := len(body) > 0, strings.HasPrefix(line, "GET"); got != want {
			t.Errorf("%s, body: got %q, want one: %t", line, body, want)
		}
		if resp.Close && line != "GET /" {
			t.Errorf("%s: got Connection: close, want the connection kept", line)
		}
	}
}
