//go:build linux

package core_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// fixture serves a hub over net/http.
type fixture struct{ *ssetest.Fixture }

// openFixture serves endpoints at a gate of this configuration until the test
// ends: on hijacked connections, unless the configuration says ResponseConn. Its
// sockets have small buffers, so that clients that do not read stall soon.
func openFixture(tb testing.TB, hub *core.Hub, cfg core.GateConfig, routes map[string]func(*core.Gate) *core.Endpoint) *fixture {
	tb.Helper()
	e := ssetest.Env{Adapter: netHTTP(), Transport: ssetest.Plain}
	if cfg.Conn == core.ResponseConn {
		e.Conn = core.ResponseConn
	}
	f := &fixture{ssetest.Of(e, hub)}
	f.SendBuffer, f.Timeout = 16<<10, ssetest.Patience
	gate := f.Gate(cfg)
	for path, route := range routes {
		f.Get(path, route(gate))
	}
	f.Start(tb)
	return f
}

// subscribeTo makes an endpoint for channels.
func subscribeTo(channels ...string) func(*core.Gate) *core.Endpoint {
	return func(g *core.Gate) *core.Endpoint { return g.Subscribe(channels...) }
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
	conn, err := f.Dial(context.Background(), buffer)
	if err != nil {
		return nil, err
	}
	c := &rawClient{Conn: conn, in: bufio.NewReaderSize(conn, 4<<10)}
	c.dec = core.NewDecoder(c.in, core.DecoderConfig{MaxLine: 1 << 20, MaxEvent: 1 << 20})
	header := ""
	if lastID != "" {
		header = "Last-Event-ID: " + lastID + "\r\n"
	}
	_ = c.SetDeadline(time.Now().Add(3 * ssetest.Patience))
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

// eventually waits until a count is what it should be, or less.
func eventually(tb testing.TB, what string, want int, count func() int) {
	tb.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	end := time.Now().Add(ssetest.Patience)
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
