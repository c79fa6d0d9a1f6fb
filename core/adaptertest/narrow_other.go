//go:build !linux

package adaptertest

import "syscall"

type rawConn = syscall.RawConn

// A few events of floodSize are more than sockets take.
const (
	floodSize   = 256 << 10
	floodBuffer = 0
)

// small makes a connection's segments small where that is known to be needed.
func small(_, _ string, _ rawConn) error { return nil }

// buffer sets how much a socket buffers, where that is known to be possible
// before it is connected.
func buffer(_ rawConn, _ int, _ bool) error { return nil }
