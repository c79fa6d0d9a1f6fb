package ssetest

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// Conn is a client's connection of HTTP/1 whose requests the test writes.
type Conn struct {
	net.Conn

	in   *bufio.Reader // nil until an answer is read
	tcp  *net.TCPConn
	stop func() bool
}

// Dial connects to the fixture's server. The connection is closed when the
// context ends. A buffer greater than 0 is the size of the socket's receive
// buffer in bytes.
func (f *Fixture) Dial(ctx context.Context, buffer int) (*Conn, error) {
	tcp, err := dial(ctx, f.Addr, buffer)
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: tcp, tcp: tcp, stop: context.AfterFunc(ctx, func() { _ = tcp.Close() })}
	if f.Transport.Secure() {
		cfg, err := clientTLS()
		if err != nil {
			c.Cut(false)
			return nil, err
		}
		cfg.ServerName = "127.0.0.1"
		c.Conn = tls.Client(tcp, cfg)
	}
	return c, nil
}

// RawConn returns a new connection to the fixture's server.
func (f *Fixture) RawConn(tb testing.TB) *Conn {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 3*Patience)
	c, err := f.Dial(ctx, 0)
	if err != nil {
		cancel()
		tb.Fatalf("dial: %v", err)
	}
	tb.Cleanup(func() {
		c.Cut(false)
		cancel()
	})
	return c
}

// Cut closes the connection: with a FIN, or with a RST.
func (c *Conn) Cut(reset bool) {
	c.stop()
	cut(c.tcp, reset)
}

// Ask writes a request as it is, and reads the head of the answer.
func (c *Conn) Ask(request string) (*Reply, error) {
	if _, err := io.WriteString(c, request); err != nil {
		return nil, err
	}
	method, _, _ := strings.Cut(request, " ")
	return c.Answer(method)
}

// Answer reads the head of the answer to a request of this method.
func (c *Conn) Answer(method string) (*Reply, error) {
	if c.in == nil {
		c.in = bufio.NewReaderSize(c.Conn, 1<<10)
	}
	resp, err := http.ReadResponse(c.in, &http.Request{Method: method}) //nolint:bodyclose // It ends with the connection.
	if err != nil {
		return nil, err
	}
	return &Reply{Response: resp, in: bufio.NewReaderSize(resp.Body, 1<<10), cancel: func() { c.Cut(false) }}, nil
}

// MustAsk is Ask for a request that is answered.
func (c *Conn) MustAsk(tb testing.TB, request string) *Reply {
	tb.Helper()
	r, err := c.Ask(request)
	if err != nil {
		tb.Fatalf("answer to %q: %v", request, err)
	}
	return r
}

// Request returns a GET request of an HTTP version such as "1.1", with header
// fields as they are on the wire.
func Request(path, version string, fields ...string) string {
	return "GET " + path + " HTTP/" + version + "\r\nHost: a.example\r\n" + strings.Join(append(fields, "\r\n"), "\r\n")
}
