package sock_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// patience bounds every wait. Only a failing test takes so long.
const patience = 20 * time.Second

// pair returns a connection's two ends with small buffers: the one to take
// over, and the peer's.
func pair(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	ln, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	defer func() { _ = ln.Close() }()
	dialled, err := net.Dial("tcp4", ln.Addr().String())
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	far, ok := dialled.(*net.TCPConn)
	if !ok {
		t.Fatalf("dial: got %T, want TCP", dialled)
	}
	t.Cleanup(func() { _ = far.Close() })
	if near, err = ln.AcceptTCP(); err != nil {
		t.Fatalf("accept: %v", err)
	}
	if err := errors.Join(near.SetWriteBuffer(16<<10), far.SetReadBuffer(16<<10), far.SetDeadline(time.Now().Add(patience))); err != nil {
		t.Fatalf("buffers: %v", err)
	}
	return near, far
}

// takeOver duplicates a connection's descriptor, and closes the original.
func takeOver(t *testing.T) (sock.Socket, *net.TCPConn) {
	t.Helper()
	near, far := pair(t)
	s, err := sock.Take(near)
	if err != nil {
		t.Fatalf("Take: %v", err)
	}
	if err := near.Close(); err != nil {
		t.Fatalf("closing the original: %v", err)
	}
	return s, far
}

// watched returns a set, and its events until it is closed.
func watched(t *testing.T) (*sock.Set, <-chan sock.Event) {
	t.Helper()
	set, err := sock.NewSet()
	if err != nil {
		t.Fatalf("NewSet: %v", err)
	}
	events := make(chan sock.Event, 1000)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			evs, err := set.Wait(nil)
			for _, ev := range evs {
				events <- ev
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		<-ended // or the test hangs
	})
	return set, events
}

func wantEvent(t *testing.T, events <-chan sock.Event, want sock.Event) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case got := <-events:
		if got != want {
			t.Fatalf("event: got %+v, want %+v", got, want)
		}
	case <-timer.C:
		t.Fatalf("event: got none, want %+v", want)
	}
}

// wantNone checks that there is no event before one that is provoked now.
func wantNone(t *testing.T, set *sock.Set, events <-chan sock.Event) {
	t.Helper()
	marker, _ := takeOver(t)
	defer func() { _ = marker.Close() }()
	ev := sock.Event{Slot: 1 << 20, Gen: 99}
	if err := errors.Join(set.Add(marker, ev.Slot, ev.Gen), set.AwaitWritable(marker, ev.Slot, ev.Gen)); err != nil {
		t.Fatalf("marker: %v", err)
	}
	wantEvent(t, events, ev)
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatalf("descriptors: %v", err)
	}
	return len(list)
}

// fill writes until the socket is full, and returns what was written.
func fill(t *testing.T, s sock.Socket, vector bool) []byte {
	t.Helper()
	chunk := make([]byte, 100_000)
	var all []byte
	partial := false
	for {
		for i := range chunk {
			chunk[i] = byte(len(all) + i)
		}
		var n int
		var err error
		if vector {
			n, err = s.Writev([][]byte{chunk[:10], {}, chunk[10:20_000], chunk[20_000:]})
		} else {
			n, err = s.Write(chunk)
		}
		if errors.Is(err, sock.ErrWouldBlock) {
			if n != 0 {
				t.Errorf("write that would block: got %d bytes, want 0", n)
			}
			if !partial {
				t.Error("partial write: got none")
			}
			return all
		}
		if err != nil {
			t.Fatalf("write: %v", err)
		}
		partial = partial || n < len(chunk)
		all = append(all, chunk[:n]...)
	}
}

func TestTake(t *testing.T) {
	t.Parallel()
	s, far := takeOver(t)
	if n, err := s.Write([]byte("to the ")); n != 7 || err != nil {
		t.Fatalf("Write: got %d and %v, want 7", n, err)
	}
	if n, err := s.Writev([][]byte{[]byte("oth"), nil, []byte("er side")}); n != 10 || err != nil {
		t.Fatalf("Writev: got %d and %v, want 10", n, err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	got, err := io.ReadAll(far)
	if string(got) != "to the other side" || err != nil {
		t.Errorf("other side: got %q and %v", got, err)
	}
}

func TestTakeUnsupported(t *testing.T) {
	t.Parallel()
	near, far := pair(t)
	defer func() { _ = near.Close() }()
	a, b := net.Pipe()
	defer func() { _, _ = a.Close(), b.Close() }()
	for _, conn := range []net.Conn{a, tls.Server(near, &tls.Config{}), struct{ net.Conn }{far}} {
		if _, err := sock.Take(conn); !errors.Is(err, sock.ErrUnsupported) {
			t.Errorf("Take of %T: got %v, want ErrUnsupported", conn, err)
		}
	}
	_ = near.Close()
	if _, err := sock.Take(near); err == nil || errors.Is(err, sock.ErrUnsupported) {
		t.Errorf("Take of a closed connection: got %v, want another error", err)
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	s, far := takeOver(t)
	fill(t, s, false)
	if err := s.Reset(); err != nil {
		t.Fatalf("Reset: %v", err)
	}
	if _, err := io.Copy(io.Discard, far); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("other side: got %v, want ECONNRESET", err)
	}
}

// Nothing is left of sets and sockets.
//
//nolint:paralleltest // It counts descriptors.
func TestNoDescriptorLeft(t *testing.T) {
	round := func() {
		set, err := sock.NewSet()
		if err != nil {
			t.Fatalf("NewSet: %v", err)
		}
		waited := make(chan error, 1)
		go func() {
			_, waitErr := set.Wait(nil)
			waited <- waitErr
		}()
		near, far := pair(t)
		s, err := sock.Take(near)
		if err = errors.Join(err, near.Close(), set.Add(s, 0, 0), set.Close()); err != nil {
			t.Fatalf("a round: %v", err)
		}
		if err := <-waited; err == nil {
			t.Fatal("Wait on a set that is closed: got no error")
		}
		if n, err := s.Write([]byte("x")); n != 1 || err != nil {
			t.Errorf("Write after the set was closed: got %d and %v, want 1", n, err)
		}
		_ = far.Close()
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	round()
	before := descriptors(t)
	for range 20 {
		round()
	}
	if got := descriptors(t); got > before {
		t.Errorf("descriptors: got %d, want %d as before", got, before)
	}
}

// The kernel's buffer for a slow peer is bounded.
func TestBound(t *testing.T) {
	t.Parallel()
	option := func(fd uintptr, name int) int {
		v, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, name)
		if err != nil {
			t.Fatalf("option %d: %v", name, err)
		}
		return v
	}
	near, far := pair(t)
	defer func() { _, _ = near.Close(), far.Close() }()
	raw := sock.Raw(near)
	want := func(unsent, timeout int) {
		t.Helper()
		_ = raw.Control(func(fd uintptr) {
			if got := option(fd, unix.TCP_NOTSENT_LOWAT); got != unsent {
				t.Errorf("TCP_NOTSENT_LOWAT: got %d, want %d", got, unsent)
			}
			if got := option(fd, unix.TCP_USER_TIMEOUT); got != timeout {
				t.Errorf("TCP_USER_TIMEOUT: got %d, want %d", got, timeout)
			}
		})
	}
	usual := 0
	_ = raw.Control(func(fd uintptr) { usual = option(fd, unix.TCP_NOTSENT_LOWAT) })
	sock.Bound(raw, 0, 0)
	want(usual, 0)
	sock.Bound(raw, 16<<10, 1500*time.Millisecond)
	want(16<<10, 1500)
	s, err := sock.Take(near)
	if err != nil {
		t.Fatalf("Take: %v", err)
	}
	s.Bound(1<<20, time.Microsecond)
	want(1<<20, 1)
	s.Bound(-1, -1)
	want(1<<20, 1)
	s.Bound(0, 0)
	want(1<<20, 0)
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	sock.Bound(sock.Raw(near), 1, 1)
}
