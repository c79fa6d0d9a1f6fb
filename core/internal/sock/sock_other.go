//go:build !linux

package sock

import (
	"net"
	"syscall"
	"time"
)

// Supported reports whether connections can be taken over on this system.
const Supported = false

// Socket owns the descriptor of a connection. There is none on this system.
type Socket struct{}

// Take returns [ErrUnsupported].
func Take(net.Conn) (Socket, error) { return Socket{}, ErrUnsupported }

// Write returns [ErrUnsupported].
func (Socket) Write([]byte) (int, error) { return 0, ErrUnsupported }

// Writev returns [ErrUnsupported].
func (Socket) Writev([][]byte) (int, error) { return 0, ErrUnsupported }

// Bound does nothing.
func (Socket) Bound(int, time.Duration) {}

// Bound does nothing.
func Bound(syscall.RawConn, int, time.Duration) {}

// Close does nothing.
func (Socket) Close() error { return nil }

// Reset does nothing.
func (Socket) Reset() error { return nil }

// End does nothing.
func End(syscall.RawConn) {}

// Set reports changes of sockets. It is not available on this system.
type Set struct{}

// NewSet returns [ErrUnsupported].
func NewSet() (*Set, error) { return nil, ErrUnsupported }

// Add returns [ErrUnsupported].
func (*Set) Add(Socket, int32, int32) error { return ErrUnsupported }

// AwaitWritable returns [ErrUnsupported].
func (*Set) AwaitWritable(Socket, int32, int32) error { return ErrUnsupported }

// Watch returns [ErrUnsupported].
func (*Set) Watch(syscall.RawConn, int32, int32) error { return ErrUnsupported }

// Forget does nothing.
func (*Set) Forget(syscall.RawConn) {}

// Wait returns [ErrUnsupported].
func (*Set) Wait(dst []Event) ([]Event, error) { return dst, ErrUnsupported }

// SetDeadline returns [ErrUnsupported].
func (*Set) SetDeadline(time.Time) error { return ErrUnsupported }

// Close does nothing.
func (*Set) Close() error { return nil }
