package adaptertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// client is one program that connects to a bed's server.
type client struct {
	base string
	http *http.Client
	ctx  context.Context //nolint:containedctx // The test's: it bounds everything that the client does.

	mu    sync.Mutex
	conns []*net.TCPConn
}

// client returns a new one, with connections of its own.
func (b *bed) client(tb testing.TB) *client {
	tb.Helper()
	return b.narrowClient(tb, 0, 0)
}

// narrowClient returns a client that buffers little of what it has not read:
// so many bytes for a connection, and for a stream of HTTP/2. A size of 0 means
// as much as usual.
func (b *bed) narrowClient(tb testing.TB, buffer, window int) *client {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 3*patience)
	c := &client{base: "http://" + b.addr, ctx: ctx}
	transport := &http.Transport{
		Protocols: &http.Protocols{},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return c.dial(ctx, network, addr, buffer)
		},
		DisableCompression: true,
	}
	if window > 0 {
		transport.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: window}
	}
	switch b.transport {
	case Plain, TLS:
		transport.Protocols.SetHTTP1(true)
	case HTTP2:
		transport.Protocols.SetHTTP2(true)
	case H2C:
		transport.Protocols.SetUnencryptedHTTP2(true)
	}
	if b.transport.secure() {
		c.base = "https://" + b.addr
		transport.TLSClientConfig = clientTLS(tb)
	}
	c.http = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	tb.Cleanup(func() {
		cancel()
		c.cut(false)
		transport.CloseIdleConnections()
	})
	return c
}

func (c *client) dial(ctx context.Context, network, addr string, buffer int) (net.Conn, error) {
	var d net.Dialer
	if buffer > 0 {
		d.Control = small
	}
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("not TCP: %T", conn)
	}
	if buffer > 0 {
		if err := tcp.SetReadBuffer(buffer); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, tcp)
	return tcp, nil
}

// cut closes the client's connections: with a FIN, or with a RST.
func (c *client) cut(reset bool) {
	c.mu.Lock()
	conns := c.conns
	c.conns = nil
	c.mu.Unlock()
	for _, conn := range conns {
		if reset {
			_ = conn.SetLinger(0)
		}
		_ = conn.Close()
	}
}

// do sends a request. The header is names and values in turn.
func (c *client) do(method, path string, body io.Reader, header ...string) (*reply, error) {
	ctx, cancel := context.WithCancel(c.ctx)
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		cancel()
		return nil, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := c.http.Do(req) //nolint:bodyclose // The reply's close does it.
	if err != nil {
		cancel()
		return nil, err
	}
	return &reply{Response: resp, in: bufio.NewReader(resp.Body), cancel: cancel}, nil
}

// ask sends a GET request.
func (c *client) ask(tb testing.TB, path string, header ...string) *reply {
	tb.Helper()
	return c.send(tb, http.MethodGet, path, nil, header...)
}

// send sends a request, whose answer may be of any status.
func (c *client) send(tb testing.TB, method, path string, body io.Reader, header ...string) *reply {
	tb.Helper()
	r, err := c.do(method, path, body, header...)
	if err != nil {
		tb.Fatalf("%s %s: %v", method, path, err)
	}
	tb.Cleanup(r.close)
	return r
}

// open sends a GET request, whose answer must be a stream.
func (c *client) open(tb testing.TB, path string, header ...string) *reply {
	tb.Helper()
	r := c.ask(tb, path, header...)
	if r.StatusCode != http.StatusOK {
		tb.Fatalf("GET %s: got %s, want 200", path, r.Status)
	}
	return r
}

// reply is an answer with a body to read as it comes.
type reply struct {
	*http.Response

	in     *bufio.Reader
	dec    *core.Decoder
	cancel context.CancelFunc
}

// close ends the exchange.
func (r *reply) close() {
	r.cancel()
	_ = r.Body.Close()
}

// block returns what comes next on the wire, up to a blank line. It must not
// be called any more once read was.
func (r *reply) block() (string, error) {
	var text strings.Builder
	for {
		line, err := r.in.ReadString('\n')
		text.WriteString(line)
		if err != nil {
			return text.String(), err
		}
		if line == "\n" {
			return text.String(), nil
		}
	}
}

// wantBlock reads a block that must be this one.
func (r *reply) wantBlock(t *testing.T, want string) {
	t.Helper()
	if got := r.mustBlock(t); got != want {
		t.Fatalf("block: got %q, want %q", got, want)
	}
}

func (r *reply) mustBlock(tb testing.TB) string {
	tb.Helper()
	got, err := r.block()
	if err != nil {
		tb.Fatalf("block: got %q and %v, want one", got, err)
	}
	return got
}

// greeted reads what every stream begins with.
func (r *reply) greeted(t *testing.T) {
	t.Helper()
	r.wantBlock(t, "retry: 3000\n\n")
	if got := r.mustBlock(t); !strings.HasPrefix(got, ":") {
		t.Fatalf("second block: got %q, want a comment", got)
	}
}

// read returns the next event.
func (r *reply) read() (core.Event, error) {
	if r.dec == nil {
		r.dec = core.NewDecoder(r.in, core.DecoderConfig{MaxLine: 4 << 20, MaxEvent: 4 << 20})
	}
	return r.dec.Next()
}

// event returns the next event, which must come.
func (r *reply) event(t *testing.T) core.Event {
	t.Helper()
	ev, err := r.read()
	if err != nil {
		t.Fatalf("event: got %v, want one", err)
	}
	return ev
}

// wantData reads an event that must have this data.
func (r *reply) wantData(t *testing.T, want string) core.Event {
	t.Helper()
	ev := r.event(t)
	if ev.Data != want {
		t.Fatalf("event's data: got %q, want %q", ev.Data, want)
	}
	return ev
}

// wantEnd reads the end of the stream, which must come before another event.
func (r *reply) wantEnd(t *testing.T) {
	t.Helper()
	if ev, err := r.read(); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("end of the stream: got event %+v and error %v, want io.EOF", ev, err)
	}
}

// text returns the whole body.
func (r *reply) text(t *testing.T) string {
	t.Helper()
	body, err := io.ReadAll(r.in)
	if err != nil {
		t.Fatalf("body: got %q and %v", body, err)
	}
	return string(body)
}
