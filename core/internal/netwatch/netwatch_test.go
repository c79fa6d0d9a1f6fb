package netwatch_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tidings-go/tidings/core/internal/netwatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a connection of TCP, and how the server sees it.
type pair struct {
	client *net.TCPConn
	server net.Conn
}

// kinds are the connections that can be watched.
func kinds() map[string]func(t *testing.T) pair {
	return map[string]func(t *testing.T) pair{
		"TCP": tcp,
		"hidden descriptor": func(t *testing.T) pair {
			t.Helper()
			p := tcp(t)
			p.server = hiding{p.server}
			return p
		},
		"TLS": func(t *testing.T) pair {
			t.Helper()
			p := tcp(t)
			p.server = handshake(t, p)
			return p
		},
	}
}

// hiding is a connection whose descriptor cannot be had.
type hiding struct{ net.Conn }

func tcp(t *testing.T) pair {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // It has done its work.
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return pair{client.(*net.TCPConn), server} //nolint:forcetypeassert,errcheck // TCP was dialled.
}

// handshake returns the server's side of TLS.
func handshake(t *testing.T, p pair) net.Conn {
	t.Helper()
	example := httptest.NewTLSServer(nil)
	defer example.Close()
	server := tls.Server(p.server, &tls.Config{Certificates: example.TLS.Certificates})
	done := make(chan error, 1)
	go func() { done <- server.HandshakeContext(t.Context()) }()
	client := tls.Client(p.client, &tls.Config{InsecureSkipVerify: true})
	if err := errors.Join(client.HandshakeContext(t.Context()), <-done); err != nil {
		t.Fatal(err)
	}
	return server
}

// watch watches a connection. The channel is closed when its peer is gone.
func watch(t *testing.T, conn net.Conn) (gone <-chan struct{}, stop func()) {
	t.Helper()
	c := make(chan struct{})
	return c, new(netwatch.Watcher).Watch(conn, func() { close(c) })
}

// wantGone waits until the peer is reported as gone. The timeout only ends a
// failing test.
func wantGone(t *testing.T, gone <-chan struct{}) {
	t.Helper()
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	select {
	case <-gone:
	case <-limit.C:
		t.Error("got no word of the peer being gone")
	}
}

func wantThere(t *testing.T, gone <-chan struct{}) {
	t.Helper()
	select {
	case <-gone:
		t.Error("got word of the peer being gone, which it is not")
	default:
	}
}

func TestPeerGone(t *testing.T) {
	t.Parallel()
	for kind, connect := range kinds() {
		for how, leave := range map[string]func(c *net.TCPConn) error{
			"closes":      (*net.TCPConn).Close,
			"half closes": (*net.TCPConn).CloseWrite,
			"resets":      func(c *net.TCPConn) error { _ = c.SetLinger(0); return c.Close() },
		} {
			t.Run(kind+" "+how, func(t *testing.T) {
				t.Parallel()
				p := connect(t)
				gone, stop := watch(t, p.server)
				wantThere(t, gone)
				if err := leave(p.client); err != nil {
					t.Fatal(err)
				}
				wantGone(t, gone)
				stop()
				stop()
			})
		}
	}
}

func TestPeerGoneBeforehand(t *testing.T) {
	t.Parallel()
	for kind, connect := range kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := connect(t)
			_ = p.client.Close()
			gone, stop := watch(t, p.server)
			defer stop()
			wantGone(t, gone)
		})
	}
}

// The watch of a connection that is closed on this side need not report it, and
// can be stopped.
func TestOwnEndClosed(t *testing.T) {
	t.Parallel()
	for kind, connect := range kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := connect(t)
			_, stop := watch(t, p.server)
			_ = p.server.Close()
			stop()
			_, stop = watch(t, p.server)
			stop()
		})
	}
}

// Stop restores the connection: no input is lost, and no deadline is left.
func TestStopGivesTheConnectionBack(t *testing.T) {
	t.Parallel()
	for kind, connect := range kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := connect(t)
			gone, stop := watch(t, p.server)
			stop()
			_ = p.client.SetLinger(0)
			if kind != "TLS" {
				_, _ = p.client.Write([]byte("next"))
				got := make([]byte, 4)
				if _, err := io.ReadFull(p.server, got); err != nil || string(got) != "next" {
					t.Errorf("got %q, %v, want what the client sent next", got, err)
				}
			}
			_ = p.client.Close()
			if _, err := p.server.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v, want the end of the connection", err)
			}
			wantThere(t, gone)
		})
	}
}

// A pipelined request is not a disconnect, and does not hide one.
func TestPendingInput(t *testing.T) {
	t.Parallel()
	p := tcp(t)
	pending := bytes.Repeat([]byte("x"), 10_000)
	if _, err := p.client.Write(pending); err != nil {
		t.Fatal(err)
	}
	gone, stop := watch(t, p.server)
	if _, err := p.client.Write(pending); err != nil {
		t.Fatal(err)
	}
	stop()
	wantThere(t, gone)
	gone, stop = watch(t, p.server)
	_ = p.client.CloseWrite()
	wantGone(t, gone)
	stop()
	got, err := io.ReadAll(p.server)
	if err != nil || len(got) != 2*len(pending) {
		t.Errorf("got %d bytes, %v, want all %d", len(got), err, 2*len(pending))
	}
}

// If a disconnect can only be detected by reading, a peer that sends much is
// not waited for.
func TestPendingInputWithoutADescriptor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		gone, stop := watch(t, server)
		_ = client.SetWriteDeadline(time.Now().Add(time.Second))
		pages := 0
		for ; pages < 100; pages++ {
			if _, err := client.Write(make([]byte, 512)); err != nil {
				break
			}
		}
		if pages != 8 {
			t.Errorf("got %d pages read, want 8", pages)
		}
		stop()
		wantThere(t, gone)
		_, _ = client.Close(), server.Close()
	})
}

func TestNothingToWatch(t *testing.T) {
	t.Parallel()
	gone, stop := watch(t, nil)
	stop()
	wantThere(t, gone)
	gone, stop = watch(t, noDeadlines{})
	stop()
	wantThere(t, gone)
}

// noDeadlines is a connection that must not be read: without deadlines, a read
// could not be stopped.
type noDeadlines struct{ net.Conn }

func (noDeadlines) SetReadDeadline(time.Time) error { return errors.New("no deadlines") }

// Once stop has returned, gone is neither running nor called any more.
func TestStopRacesWithGone(t *testing.T) {
	t.Parallel()
	for kind, connect := range kinds() {
		if kind == "TLS" {
			continue // it takes a handshake each
		}
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for range 200 {
				p := connect(t)
				var stopped, late atomic.Bool
				stop := new(netwatch.Watcher).Watch(p.server, func() {
					if stopped.Load() {
						late.Store(true)
					}
				})
				var all sync.WaitGroup
				all.Go(func() { _ = p.client.Close() })
				for range 2 {
					all.Go(func() {
						stop()
						stopped.Store(true)
					})
				}
				all.Wait()
				_ = p.server.Close()
				if late.Load() {
					t.Fatal("got gone called after stop had returned")
				}
			}
		})
	}
}
