//go:build !linux

package ssetest

import "syscall"

type rawConn = syscall.RawConn

// A few events of FloodSize bytes are more than two sockets take. The send
// buffer is the system's.
const (
	FloodSize   = 256 << 10
	FloodBuffer = 0
)

// narrow does nothing: only on Linux are the options known to be needed.
func narrow(rawConn, int) error { return nil }

// setSendBuffer does nothing.
func setSendBuffer(rawConn, int) error { return nil }
