//go:build linux

package proc_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/proc"
)

// TestSocketsOf fills a connection whose client does not read: all that was
// written is in the queues of its two ends.
func TestSocketsOf(t *testing.T) {
	t.Parallel()
	var config net.ListenConfig
	ln, err := config.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	var dialer net.Dialer
	client, err := dialer.DialContext(t.Context(), "tcp4", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	addr, ok := ln.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("got a listener at %v, want TCP", ln.Addr())
	}

	empty, err := proc.SocketsOf(addr.Port)
	if err != nil || empty.Sent != 0 {
		t.Fatalf("got %+v, %v, want nothing sent", empty, err)
	}
	if err = server.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	written, err := server.Write(make([]byte, 16<<20))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %d bytes written, %v, want the queues full", written, err)
	}
	full, err := proc.SocketsOf(addr.Port)
	if err != nil {
		t.Fatal(err)
	}
	if full.Sent == 0 || full.Sent > int64(written) || full.Sent+full.Peers < int64(written) {
		t.Errorf("got %+v, want %d bytes in the two queues", full, written)
	}
	if full.Memory < full.Sent {
		t.Errorf("got %+v, want no less memory than data", full)
	}
}
