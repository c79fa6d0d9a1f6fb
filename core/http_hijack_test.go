//go:build linux

package core_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// patience bounds every wait. Only a failing test takes so long.
const patience = 30 * time.Second

// fixture is a hub and a gate, served on a socket.
type fixture struct {
	hub    *core.Hub
	gate   *core.Gate
	addr   string
	closes chan core.Summary
	joined chan *core.Stream
}

// openHijacked serves endpoints at a gate of this configuration, on hijacked
// connections, until the test ends. Its sockets have small buffers, so that
// clients that do not read stall soon.
func openHijacked(tb testing.TB, hub *core.Hub, cfg core.GateConfig, routes map[string]func(*core.Gate) *core.Endpoint) *fixture {
	tb.Helper()
	cfg.Conn = core.OwnedConn
	return openFixture(tb, hub, cfg, routes)
}

// openFixture is openHijacked for any mode of connections.
func openFixture(tb testing.TB, hub *core.Hub, cfg core.GateConfig, routes map[string]func(*core.Gate) *core.Endpoint) *fixture {
	tb.Helper()
	f := &fixture{hub: hub, closes: make(chan core.Summary, 1<<14), joined: make(chan *core.Stream, 1<<14)}
	cfg.Middleware = append([]core.Middleware{func(h *core.Handshake) error {
		h.OnClose(func(sum core.Summary) { f.closes <- sum })
		h.OnOpen(func() { f.joined <- h.Stream })
		return nil
	}}, cfg.Middleware...)
	f.gate = core.NewGate(hub, cfg)
	mux := http.NewServeMux()
	for path, route := range routes {
		mux.Handle(path, route(f.gate))
	}
	lc := net.ListenConfig{Control: option(syscall.SOL_SOCKET, syscall.SO_SNDBUF, 16<<10)}
	ln, err := lc.Listen(tb.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen: %v", err)
	}
	f.addr = ln.Addr().String()
	server := &http.Server{Handler: mux, ReadHeaderTimeout: patience}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			tb.Errorf("Shutdown: %v", err)
		}
		<-served
	})
	return f
}

// subscribeTo makes an endpoint for channels.
func subscribeTo(channels ...string) func(*core.Gate) *core.Endpoint {
	return func(g *core.Gate) *core.Endpoint { return g.Subscribe(channels...) }
}

// option sets a socket's option before it is used.
func option(level, name, value int) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		ctlErr := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), level, name, value) })
		return errors.Join(err, ctlErr)
	}
}

// rawClient is a client that reads its connection itself.
type rawClient struct {
	net.Conn

	in  *bufio.Reader
	dec *core.Decoder
}

// dial requests a stream. If buffer is not 0, the client's socket buffers about
// that many bytes.
func (f *fixture) dial(path, lastID string, buffer int) (*rawClient, error) {
	d := net.Dialer{Timeout: patience}
	if buffer > 0 {
		d.Control = func(network, address string, c syscall.RawConn) error {
			// Segments that are larger than the buffer would wait for the
			// sender's timer.
			return errors.Join(option(syscall.SOL_SOCKET, syscall.SO_RCVBUF, buffer)(network, address, c),
				option(syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1000)(network, address, c))
		}
	}
	conn, err := d.Dial("tcp4", f.addr)
	if err != nil {
		return nil, err
	}
	c := &rawClient{Conn: conn, in: bufio.NewReaderSize(conn, 4<<10)}
	c.dec = core.NewDecoder(c.in, core.DecoderConfig{MaxLine: 1 << 20, MaxEvent: 1 << 20})
	header := ""
	if lastID != "" {
		header = "Last-Event-ID: " + lastID + "\r\n"
	}
	_ = c.SetDeadline(time.Now().Add(2 * patience))
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a.example\r\n%s\r\n", path, header); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, c.head()
}

// head reads the answer's head.
func (c *rawClient) head() error {
	for first := true; ; first = false {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return err
		}
		if first && line != "HTTP/1.1 200 OK\r\n" {
			return fmt.Errorf("status: %q", line)
		}
		if line == "\r\n" {
			return nil
		}
	}
}

// open is dial for a stream that must open. It is closed when the test ends.
func (f *fixture) open(tb testing.TB, path, lastID string, buffer int) *rawClient {
	tb.Helper()
	c, err := f.dial(path, lastID, buffer)
	if err != nil {
		tb.Fatalf("GET %s: %v", path, err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

// readLine reads lines up to one with this prefix.
func (c *rawClient) readLine(tb testing.TB, prefix string) {
	tb.Helper()
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			tb.Fatalf("line that begins with %q: got %q and %v", prefix, line, err)
		}
		if strings.HasPrefix(line, prefix) {
			return
		}
	}
}

// readPrelude reads what precedes the first event of a live stream.
func (c *rawClient) readPrelude(tb testing.TB) {
	tb.Helper()
	c.readLine(tb, ": open")
	c.readLine(tb, "id: ")
	c.readLine(tb, "")
}

// wantData reads an event, which must have this data.
func (c *rawClient) wantData(tb testing.TB, want string) {
	tb.Helper()
	if ev, err := c.dec.Next(); err != nil || ev.Data != want {
		tb.Fatalf("event: got %.80q and %v, want %.80q", ev.Data, err, want)
	}
}

// closed returns the summary of the next stream that ends.
func (f *fixture) closed(tb testing.TB) core.Summary {
	tb.Helper()
	return receive(tb, f.closes, "end of a stream")
}

func receive[T any](tb testing.TB, c <-chan T, what string) T {
	tb.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v := <-c:
		return v
	case <-timer.C:
		tb.Fatalf("%s: got none in %v", what, patience)
		panic("unreachable")
	}
}

// eventually waits until a count is what it should be, or less.
func eventually(tb testing.TB, what string, want int, count func() int) {
	tb.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	end := time.Now().Add(patience)
	for {
		got := count()
		if got <= want {
			return
		}
		if time.Now().After(end) {
			tb.Fatalf("%s: got %d, want %d at most", what, got, want)
		}
		<-ticker.C
	}
}

// descriptors returns the number of open descriptors.
func descriptors() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0 // there is nothing to look at on this system
	}
	return len(list)
}

// wantNoLeaks runs a subtest, and checks that there are as many descriptors and
// goroutines afterwards as before. No other test may run meanwhile.
func wantNoLeaks(t *testing.T, run func(t *testing.T)) {
	t.Helper()
	runtime.GC()
	fds, goroutines := descriptors(), runtime.NumGoroutine()
	if t.Run("run", run) {
		eventually(t, "descriptors", fds, descriptors)
		eventually(t, "goroutines", goroutines+1, runtime.NumGoroutine) // a test's timer may fire
	}
}
