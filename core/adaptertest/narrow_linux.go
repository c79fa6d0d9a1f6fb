package adaptertest

import "syscall"

// small makes a connection's segments small. Those that are larger than what a
// narrow client buffers would wait for the sender's timer.
func small(_, _ string, c syscall.RawConn) error {
	var err error
	ctlErr := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1000)
	})
	if err == nil {
		err = ctlErr
	}
	return err
}
