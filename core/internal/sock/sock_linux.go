package sock

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Supported reports whether connections can be taken over on this system.
const Supported = true

// Socket owns the descriptor of a connection. It is not safe for concurrent
// use.
type Socket struct{ fd int32 }

// Take returns a duplicate descriptor of a plain TCP connection. The caller
// still has to close conn, which then does not end the connection. Take returns
// [ErrUnsupported] for every other kind of connection.
func Take(conn net.Conn) (Socket, error) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return Socket{}, ErrUnsupported
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return Socket{}, fmt.Errorf("sock: %w", err)
	}
	fd := -1
	var dupErr error
	err = raw.Control(func(orig uintptr) {
		fd, dupErr = unix.FcntlInt(orig, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err = errors.Join(err, dupErr); err != nil {
		return Socket{}, fmt.Errorf("sock: duplicate descriptor: %w", err)
	}
	return Socket{fd: int32(fd)}, nil
}

// Write writes as much of p as possible without blocking. It returns
// [ErrWouldBlock] if it can write nothing.
func (s Socket) Write(p []byte) (int, error) {
	for {
		n, err := unix.Write(int(s.fd), p)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, ErrWouldBlock
		default:
			return 0, fmt.Errorf("sock: write: %w", err)
		}
	}
}

// Writev writes as much of the chunks as possible without blocking, like
// [Socket.Write].
func (s Socket) Writev(chunks [][]byte) (int, error) {
	for {
		n, err := unix.Writev(int(s.fd), chunks)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, ErrWouldBlock
		default:
			return 0, fmt.Errorf("sock: write: %w", err)
		}
	}
}

// Bound does the same as the function [Bound].
func (s Socket) Bound(unsent int, timeout time.Duration) { bound(int(s.fd), unsent, timeout) }

// Bound bounds what the system holds for a peer that is slow or gone. unsent is
// about how many bytes the system takes that it cannot send yet; 0 or less leaves
// that bound as it is. timeout is how long the peer may leave what was sent
// unacknowledged, or take nothing, before the connection breaks; 0 is no bound,
// less leaves it as it is. Where the system has no such bounds, Bound does
// nothing.
func Bound(raw syscall.RawConn, unsent int, timeout time.Duration) {
	_ = raw.Control(func(fd uintptr) { bound(int(fd), unsent, timeout) }) // a closed connection needs no bounds
}

// bound ignores errors: a system that lacks an option works without it.
func bound(fd, unsent int, timeout time.Duration) {
	if unsent > 0 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, min(unsent, math.MaxInt32))
	}
	if timeout >= 0 {
		// Rounded up: 0 is no bound.
		ms := min((timeout+time.Millisecond-1)/time.Millisecond, math.MaxInt32)
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(ms))
	}
}

// Close closes the connection. The system still sends what was written.
func (s Socket) Close() error {
	end(int(s.fd))
	if err := unix.Close(int(s.fd)); err != nil {
		return fmt.Errorf("sock: close: %w", err)
	}
	return nil
}

// Reset closes the connection and discards data that was not sent yet.
func (s Socket) Reset() error {
	_ = unix.SetsockoptLinger(int(s.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	if err := unix.Close(int(s.fd)); err != nil {
		return fmt.Errorf("sock: close: %w", err)
	}
	return nil
}

// End prepares the close of a connection by its owner, in the way of
// [Socket.Close]. Nothing can be written afterwards.
func End(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) { end(int(fd)) }) // a closed connection has ended
}

// maxInput bounds the input that end discards, in bytes.
const maxInput = 64 << 10

// end discards input from the peer. The system resets a socket that is closed
// with unread input, and the peer may then lose the data that was written last.
// end sends the end of the stream first, because a peer that is sending may
// send more meanwhile.
func end(fd int) {
	var page [4 << 10]byte
	for left := maxInput; left > 0; {
		n, _, err := unix.Recvfrom(fd, page[:], unix.MSG_DONTWAIT)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return
		}
		if left == maxInput {
			_ = unix.Shutdown(fd, unix.SHUT_WR)
		}
		left -= n
	}
}

// Set reports when sockets lose their peer or become writable.
type Set struct {
	fd   int
	file *os.File // registers the set's descriptor with Go's poller, so that Wait blocks no thread
	raw  syscall.RawConn
	buf  [128]unix.EpollEvent
}

// NewSet returns an empty set.
func NewSet() (*Set, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("sock: epoll: %w", err)
	}
	if err = unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("sock: epoll: %w", err)
	}
	s := &Set{fd: fd, file: os.NewFile(uintptr(fd), "epoll")}
	if s.raw, err = s.file.SyscallConn(); err != nil {
		_ = s.file.Close()
		return nil, fmt.Errorf("sock: epoll: %w", err)
	}
	return s, nil
}

// Add makes the set report the loss of the socket's peer. Every event carries
// slot and gen.
func (s *Set) Add(sock Socket, slot, gen int32) error {
	return s.control(unix.EPOLL_CTL_ADD, sock, slot, gen, unix.EPOLLRDHUP)
}

// AwaitWritable makes the set also report, from now on, that the socket becomes
// writable.
func (s *Set) AwaitWritable(sock Socket, slot, gen int32) error {
	return s.control(unix.EPOLL_CTL_MOD, sock, slot, gen, unix.EPOLLRDHUP|unix.EPOLLOUT)
}

// Watch makes the set report the loss of the peer of a connection that it does
// not own, until Forget is called or the connection is closed. The set must be
// open.
func (s *Set) Watch(raw syscall.RawConn, slot, gen int32) error {
	var addErr error
	err := raw.Control(func(fd uintptr) {
		addErr = s.Add(Socket{fd: int32(fd)}, slot, gen) //nolint:gosec // A descriptor fits.
	})
	if err = errors.Join(err, addErr); err != nil {
		return fmt.Errorf("sock: watch: %w", err)
	}
	return nil
}

// Forget ends a Watch. The set must be open.
func (s *Set) Forget(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) { // a closed connection has left the set
		_ = unix.EpollCtl(s.fd, unix.EPOLL_CTL_DEL, int(fd), nil)
	})
}

// control registers for edge-triggered events: the set reports each event once,
// and a missed event again with the next one. It does not register for input,
// since a socket whose input is never read would be reported for ever.
func (s *Set) control(op int, sock Socket, slot, gen int32, events uint32) error {
	ev := unix.EpollEvent{Events: events | unix.EPOLLET, Fd: slot, Pad: gen}
	if err := unix.EpollCtl(s.fd, op, int(sock.fd), &ev); err != nil {
		return fmt.Errorf("sock: epoll: %w", err)
	}
	return nil
}

// Wait blocks until there are events, and appends them to dst. A socket that is
// closed leaves the set by itself; its events that are under way are still
// reported. Wait returns an error once the set is closed.
func (s *Set) Wait(dst []Event) ([]Event, error) {
	n := 0
	var waitErr error
	err := s.raw.Read(func(fd uintptr) bool {
		for {
			n, waitErr = unix.EpollWait(int(fd), s.buf[:], 0)
			if waitErr != unix.EINTR {
				return n != 0 || waitErr != nil
			}
		}
	})
	if err = errors.Join(err, waitErr); err != nil {
		return dst, fmt.Errorf("sock: epoll: %w", err)
	}
	for _, ev := range s.buf[:n] {
		gone := ev.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
		dst = append(dst, Event{Slot: ev.Fd, Gen: ev.Pad, Gone: gone})
	}
	return dst, nil
}

// SetDeadline makes Wait return [os.ErrDeadlineExceeded] at a time, as often as
// it is called, until there is another deadline. The zero time is none.
func (s *Set) SetDeadline(t time.Time) error {
	if err := s.file.SetReadDeadline(t); err != nil {
		return fmt.Errorf("sock: epoll: %w", err)
	}
	return nil
}

// Close closes the set. It is safe to call during Wait.
func (s *Set) Close() error {
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("sock: epoll: %w", err)
	}
	return nil
}
