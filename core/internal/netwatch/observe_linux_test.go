package netwatch_test

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/internal/netwatch"
)

// observe observes a connection. The channel is closed when its peer is gone.
func observe(t *testing.T, w *netwatch.Watcher, conn net.Conn) (gone <-chan struct{}, stop func()) {
	t.Helper()
	c := make(chan struct{})
	stop, ok := w.Observe(conn, func() { close(c) })
	if !ok {
		t.Fatal("Observe: got false, want true")
	}
	return c, stop
}

// A reader and its deadline are not disturbed.
func TestObserveBesideAReader(t *testing.T) {
	t.Parallel()
	p := tcp(t)
	_ = p.server.SetReadDeadline(time.Now().Add(time.Millisecond))
	gone, stop := observe(t, new(netwatch.Watcher), p.server)
	defer stop()
	if _, err := p.server.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: got %v, want the deadline", err)
	}
	_ = p.server.SetReadDeadline(time.Time{})
	read := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(p.server, make([]byte, 4))
		read <- err
	}()
	if _, err := p.client.Write([]byte("body")); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil {
		t.Errorf("read: got %v, want all", err)
	}
	wantThere(t, gone)
	_ = p.client.CloseWrite()
	wantGone(t, gone)
}

func TestObserveTwice(t *testing.T) {
	t.Parallel()
	for _, w := range []*netwatch.Watcher{{}, {Linger: time.Millisecond}} {
		p := tcp(t)
		first, stopFirst := observe(t, w, p.server)
		second, stopSecond := observe(t, w, p.server)
		third, stopThird := observe(t, w, p.server)
		stopSecond()
		_ = p.client.Close()
		wantGone(t, first)
		wantGone(t, third)
		wantThere(t, second)
		stopFirst()
		stopThird()
	}
}

func TestObserveNothing(t *testing.T) {
	t.Parallel()
	p := tcp(t)
	_ = p.server.Close()
	for _, conn := range []net.Conn{nil, hiding{p.client}, p.server} {
		if _, ok := new(netwatch.Watcher).Observe(conn, nil); ok {
			t.Errorf("Observe of %T: got true, want false", conn)
		}
	}
}

// A connection that is closed on this side is reported as gone; the next
// connection with the same descriptor is not.
func TestLingerNoticesOwnClose(t *testing.T) {
	t.Parallel()
	w := netwatch.Watcher{Linger: time.Millisecond}
	old := tcp(t)
	gone, stop := observe(t, &w, old.server)
	_ = old.server.Close()
	next := tcp(t)
	there, stopNext := observe(t, &w, next.server)
	wantGone(t, gone)
	stop()
	wantThere(t, there)
	_ = next.client.Close()
	wantGone(t, there)
	stopNext()
}

// The goroutine ends some time after the last connection, and is started again.
//
//nolint:paralleltest // It counts goroutines.
func TestLinger(t *testing.T) {
	before := runtime.NumGoroutine()
	p := tcp(t)
	w := netwatch.Watcher{Linger: 50 * time.Millisecond}
	for range 3 {
		for range 100 {
			_, stop := observe(t, &w, p.server)
			stop()
		}
		settled(t, before)
	}
	gone, stop := observe(t, &w, p.server)
	_ = p.client.Close()
	wantGone(t, gone)
	stop()
	settled(t, before)
}
