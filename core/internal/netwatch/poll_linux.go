package netwatch

import "golang.org/x/sys/unix"

const canPoll = true

// hungUp reports whether the peer has closed its side, or the connection broke.
// Go's poller calls it whenever an event occurs on the connection.
func hungUp(fd uintptr) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}} //nolint:gosec // A descriptor fits.
	for {
		n, err := unix.Poll(fds, 0)
		if err == unix.EINTR {
			continue
		}
		return err != nil || n > 0
	}
}
