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

// Socket is a connection's descriptor, owned. It is not safe for concurrent
// use.
type Socket struct{ fd int32 }

// Take returns a descriptor of its own of a plain TCP connection. The caller
// still has to close conn, which does not end the connection then. It returns
// [ErrUnsupported] for every other kind.
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

// Write writes as much of p as goes without waiting. It returns
// [ErrWouldBlock] if that is nothing.
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

// Writev writes as much of the chunks as goes without waiting, like [Socket.Write].
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

// Bound does what the function [Bound] does.
func (s Socket) Bound(unsent int, timeout time.Duration) { bound(int(s.fd), unsent, timeout) }

// Bound bounds what the system holds for a peer that is slow or gone: unsent is
// how many bytes it takes that it cannot send yet, about; timeout is how long
// what was sent may stay without an answer, or the peer may take nothing, before
// the connection breaks. A value of 0 or less leaves the bound as it is. Where
// the system has no such bounds, Bound does nothing.
func Bound(raw syscall.RawConn, unsent int, timeout time.Duration) {
	_ = raw.Control(func(fd uintptr) { bound(int(fd), unsent, timeout) }) // one that is closed needs none
}

// bound ignores errors: an old system that lacks an option works without.
func bound(fd, unsent int, timeout time.Duration) {
	if unsent > 0 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, min(unsent, math.MaxInt32))
	}
	if timeout > 0 {
		ms := min(max(timeout.Milliseconds(), 1), math.MaxInt32)
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(ms))
	}
}

// Close closes the connection. What was written is still sent.
func (s Socket) Close() error {
	end(int(s.fd))
	if err := unix.Close(int(s.fd)); err != nil {
		return fmt.Errorf("sock: close: %w", err)
	}
	return nil
}

// Reset closes the connection and throws away what was not sent yet.
func (s Socket) Reset() error {
	_ = unix.SetsockoptLinger(int(s.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	if err := unix.Close(int(s.fd)); err != nil {
		return fmt.Errorf("sock: close: %w", err)
	}
	return nil
}

// End prepares the end of a connection that its owner is about to close, as
// [Socket.Close] does. Nothing can be written any more.
func End(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) { end(int(fd)) }) // one that is closed has ended
}

// maxInput is how much input is thrown away at the end.
const maxInput = 64 << 10

// end throws away what the peer has sent: a socket that is closed with input
// left is reset, and what was written last may then never be read. The end of
// the stream goes first, since a peer that sends may send more meanwhile.
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

// Set watches sockets for the loss of their peer, and for becoming writable.
type Set struct {
	fd   int
	file *os.File // keeps the set's own descriptor with Go's poller: nobody blocks in it
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

// Add watches for the loss of the socket's peer. Slot and gen come back with
// every event.
func (s *Set) Add(sock Socket, slot, gen int32) error {
	return s.control(unix.EPOLL_CTL_ADD, sock, slot, gen, unix.EPOLLRDHUP)
}

// AwaitWritable also watches for the socket to become writable, from now on.
func (s *Set) AwaitWritable(sock Socket, slot, gen int32) error {
	return s.control(unix.EPOLL_CTL_MOD, sock, slot, gen, unix.EPOLLRDHUP|unix.EPOLLOUT)
}

// Watch watches for the loss of the peer of a connection that stays somebody
// else's, until Forget or until it is closed. The set must be open.
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
	_ = raw.Control(func(fd uintptr) { // one that is closed has left
		_ = unix.EpollCtl(s.fd, unix.EPOLL_CTL_DEL, int(fd), nil)
	})
}

// Every event is reported once: whoever misses one would be told at the next.
// Input is no event: who never reads would otherwise be told of it for ever.
func (s *Set) control(op int, sock Socket, slot, gen int32, events uint32) error {
	ev := unix.EpollEvent{Events: events | unix.EPOLLET, Fd: slot, Pad: gen}
	if err := unix.EpollCtl(s.fd, op, int(sock.fd), &ev); err != nil {
		return fmt.Errorf("sock: epoll: %w", err)
	}
	return nil
}

// Wait waits for events and appends them to dst. A socket that is closed
// leaves the set by itself; events of it that were on their way still come.
// Wait returns an error once the set is closed.
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

// Close ends the set. It is safe to call while Wait waits.
func (s *Set) Close() error {
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("sock: epoll: %w", err)
	}
	return nil
}
