package client_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core/client"
)

// TestSockets checks ends of a connection that need a real socket.
func TestSockets(t *testing.T) {
	t.Parallel()
	const head, event = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n", "id: 1\ndata: a\n\nid: 2\ndata: b"
	for _, tt := range []struct {
		name, answer string
		end          func(*net.TCPConn)
		want         error
	}{
		{"half closed", head + "\r\n" + event, func(c *net.TCPConn) { _ = c.CloseWrite() }, io.EOF},
		{"half closed within the head", head, func(c *net.TCPConn) { _ = c.CloseWrite() }, io.ErrUnexpectedEOF},
		{"half closed within a chunk", head + "Transfer-Encoding: chunked\r\n\r\n20\r\n" + event, func(c *net.TCPConn) { _ = c.CloseWrite() }, io.ErrUnexpectedEOF},
		{"less than announced", head + "Content-Length: 100\r\n\r\n" + event, func(c *net.TCPConn) { _ = c.CloseWrite() }, io.ErrUnexpectedEOF},
		{"reset", head + "\r\n" + event, func(c *net.TCPConn) {
			_ = c.SetLinger(0)
			_ = c.Close()
		}, nil},
		{"as announced", head + "Content-Length: 28\r\n\r\n" + event, func(*net.TCPConn) {}, io.EOF},
		{"at once", "", func(c *net.TCPConn) { _ = c.CloseWrite() }, io.EOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			served := make(chan struct{})
			go func() {
				defer close(served)
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer func() { _ = conn.Close() }()
				r := bufio.NewReader(conn)
				if _, err := http.ReadRequest(r); err != nil {
					return
				}
				_, _ = io.WriteString(conn, tt.answer)
				if tcp, ok := conn.(*net.TCPConn); ok {
					tt.end(tcp)
				}
				_, _ = r.ReadByte() // until the client closes its side
			}()
			transport := &http.Transport{}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			enough := errors.New("enough")
			var ended error
			c := create(t, client.Config{
				URL: "http://" + l.Addr().String(), HTTPClient: &http.Client{Transport: transport},
				Handlers: client.Handlers{Error: func(err error) error {
					ended = err
					return enough
				}},
			})
			if err := c.Run(ctx); !errors.Is(err, enough) {
				t.Errorf("got error %v, want %v", err, enough)
			}
			if !errors.Is(ended, tt.want) && tt.want != nil || errors.Is(ended, io.EOF) && tt.want == nil {
				t.Errorf("the stream's end: got %v, want %v", ended, tt.want)
			}
			if id := c.LastEventID(); strings.Contains(tt.answer, event) && id != "1" && tt.want != nil {
				t.Errorf("last event ID: got %q, want 1", id)
			}
			transport.CloseIdleConnections()
			<-served
		})
	}
}

// TestTLS checks HTTP/1 and HTTP/2 over TLS, and that an unknown certificate is
// an error.
func TestTLS(t *testing.T) {
	t.Parallel()
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				stall("data: "+r.Proto+"\n\n")(w, r)
			}))
			server.EnableHTTP2 = proto == "HTTP/2.0"
			server.Config.ErrorLog = stdlog.New(io.Discard, "", 0)
			server.StartTLS()
			defer server.Close()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			c := create(t, client.Config{URL: server.URL, HTTPClient: server.Client()})
			for ev, err := range c.Events(ctx) {
				if ev.Data != proto || err != nil {
					t.Errorf("got %q and error %v, want %s", ev.Data, err, proto)
				}
				_ = c.Close()
			}
			strange := &http.Transport{}
			defer strange.CloseIdleConnections()
			err := create(t, client.Config{URL: server.URL, HTTPClient: &http.Client{Transport: strange}, OneShot: true}).Run(ctx)
			wantReason(t, err, client.Broken)
			if unknown := (*tls.CertificateVerificationError)(nil); !errors.As(err, &unknown) {
				t.Errorf("got error %v, want one about the certificate", err)
			}
		})
	}
}
