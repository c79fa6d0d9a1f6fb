package ssetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
)

// Client is a client of net/http, with connections of its own.
type Client struct {
	base string
	http *http.Client
	ctx  context.Context //nolint:containedctx // The test's: it bounds everything that the client does.

	mu    sync.Mutex
	conns []*net.TCPConn
}

// Client returns a new client of the fixture's server.
func (f *Fixture) Client(tb testing.TB) *Client {
	tb.Helper()
	return f.NarrowClient(tb, 0, 0)
}

// NarrowClient returns a client that buffers little of what it has not read: as
// many bytes for a connection, and for a stream of HTTP/2. Default: the
// system's.
func (f *Fixture) NarrowClient(tb testing.TB, buffer, window int) *Client {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 3*Patience)
	c := &Client{base: "http://" + f.Addr, ctx: ctx}
	transport := &http.Transport{
		Protocols: f.Transport.protocols(false),
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := dial(ctx, f.Addr, buffer)
			if err != nil {
				return nil, err
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.conns = append(c.conns, conn)
			return conn, nil
		},
		DisableCompression: true,
	}
	if window > 0 {
		transport.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: window}
	}
	if f.Transport.Secure() {
		c.base = "https://" + f.Addr
		var err error
		if transport.TLSClientConfig, err = clientTLS(); err != nil {
			cancel()
			tb.Fatalf("certificate: %v", err)
		}
	}
	c.http = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	tb.Cleanup(func() {
		cancel()
		c.Cut(false)
		c.CloseIdle()
	})
	return c
}

// dial connects, with a receive buffer of this many bytes unless that is 0.
func dial(ctx context.Context, addr string, buffer int) (*net.TCPConn, error) {
	var d net.Dialer
	if buffer > 0 {
		d.Control = func(_, _ string, c rawConn) error { return narrow(c, buffer) }
	}
	conn, err := d.DialContext(ctx, "tcp4", addr)
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("not TCP: %T", conn)
	}
	if buffer > 0 {
		err = tcp.SetReadBuffer(buffer)
	}
	return tcp, err
}

// Conns returns the number of connections made since the last Cut.
func (c *Client) Conns() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.conns)
}

// Cut closes the client's connections: with a FIN, or with a RST.
func (c *Client) Cut(reset bool) {
	c.mu.Lock()
	conns := c.conns
	c.conns = nil
	c.mu.Unlock()
	for _, conn := range conns {
		cut(conn, reset)
	}
}

func cut(conn *net.TCPConn, reset bool) {
	if reset {
		_ = conn.SetLinger(0)
	}
	_ = conn.Close()
}

// CloseIdle closes connections without a request.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

// Do sends a request. The header is names and values in turn.
func (c *Client) Do(method, path string, body io.Reader, header ...string) (*Reply, error) {
	ctx, cancel := context.WithCancel(c.ctx)
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		cancel()
		return nil, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := c.http.Do(req) //nolint:bodyclose // The reply's Cancel does it.
	if err != nil {
		cancel()
		return nil, err
	}
	return &Reply{Response: resp, in: bufio.NewReader(resp.Body), cancel: cancel}, nil
}

// Send sends a request that is answered, with any status.
func (c *Client) Send(tb testing.TB, method, path string, body io.Reader, header ...string) *Reply {
	tb.Helper()
	r, err := c.Do(method, path, body, header...)
	if err != nil {
		tb.Fatalf("%s %s: %v", method, path, err)
	}
	tb.Cleanup(r.Cancel)
	return r
}

// Get sends a GET request that is answered, with any status.
func (c *Client) Get(tb testing.TB, path string, header ...string) *Reply {
	tb.Helper()
	return c.Send(tb, http.MethodGet, path, nil, header...)
}

// Open sends a GET request that is answered with status 200.
func (c *Client) Open(tb testing.TB, path string, header ...string) *Reply {
	tb.Helper()
	r := c.Get(tb, path, header...)
	if r.StatusCode != http.StatusOK {
		tb.Fatalf("GET %s: got %s, want 200", path, r.Status)
	}
	return r
}

// LastEventID returns the header of a request with a last event ID, or none for
// an empty ID.
func LastEventID(id string) []string {
	if id == "" {
		return nil
	}
	return []string{"Last-Event-ID", id}
}
