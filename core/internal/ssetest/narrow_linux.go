package ssetest

import (
	"errors"
	"syscall"
)

type rawConn = syscall.RawConn

// A few events of FloodSize bytes are more than two sockets take, if the send
// buffer is FloodBuffer.
const (
	FloodSize   = 64 << 10
	FloodBuffer = 256 << 10
)

// narrow sets the size of a socket's receive buffer before it is connected, and
// makes the connection's segments small: a segment larger than the buffer would
// wait for the sender's timer.
func narrow(c rawConn, buffer int) error {
	return errors.Join(option(c, syscall.SOL_SOCKET, syscall.SO_RCVBUF, buffer),
		option(c, syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1000))
}

// setSendBuffer sets the size of a socket's send buffer.
func setSendBuffer(c rawConn, bytes int) error {
	return option(c, syscall.SOL_SOCKET, syscall.SO_SNDBUF, bytes)
}

func option(c rawConn, level, name, value int) error {
	var err error
	ctlErr := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), level, name, value) })
	return errors.Join(err, ctlErr)
}
