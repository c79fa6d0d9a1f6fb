package adaptertest

import (
	"errors"
	"syscall"
)

type rawConn = syscall.RawConn

// A few events of floodSize are more than sockets of floodBuffer take.
const (
	floodSize   = 64 << 10
	floodBuffer = 256 << 10
)

// small makes a connection's segments small. Those that are larger than what a
// narrow client buffers would wait for the sender's timer.
func small(_, _ string, c rawConn) error {
	return option(c, syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1000)
}

// buffer sets how much a socket buffers, of what it sends or has not read.
func buffer(c rawConn, bytes int, sends bool) error {
	if sends {
		return option(c, syscall.SOL_SOCKET, syscall.SO_SNDBUF, bytes)
	}
	return option(c, syscall.SOL_SOCKET, syscall.SO_RCVBUF, bytes)
}

func option(c rawConn, level, name, value int) error {
	var err error
	ctlErr := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), level, name, value) })
	return errors.Join(err, ctlErr)
}
