package netwatch

import "golang.org/x/sys/unix"

const canPoll = true

// hungUp reports whether the peer has closed its side, or the connection
// broke. It is asked whenever something happens on the connection.
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
