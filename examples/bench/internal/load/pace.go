//go:build linux

package load

import (
	"time"

	"golang.org/x/sys/unix"
)

// pace is how fast clients read: each a small piece in every interval, one
// client after the other.
type pace struct {
	rate  int // bytes a second, of each client; 0: no limit
	begin time.Time
	turns int // so far, of all clients
}

// interval is the time between two turns of one client.
const interval = 100 * time.Millisecond

// turns has the clients read whose turn it is. A turn that is late is not lost:
// the rate holds in the long run.
func (l *loop) turns() {
	if l.pace.rate == 0 || len(l.clients) == 0 {
		return
	}
	piece := max(int(int64(l.pace.rate)*int64(interval)/int64(time.Second)), 1)
	piece = min(piece, len(l.buffer))
	due := int(time.Since(l.pace.begin) * time.Duration(len(l.clients)) / interval)
	for ; l.pace.turns < due; l.pace.turns++ {
		i := l.pace.turns % len(l.clients)
		if c := &l.clients[i]; c.paced && c.state == streaming {
			l.read(c, i, l.buffer[:piece])
		}
	}
}

// releasedBuffer lets a client read fast again.
const releasedBuffer = 128 << 10

// release has all clients read whenever there is something.
func (l *loop) release() {
	l.pace = pace{}
	for i := range l.clients {
		c := &l.clients[i]
		if !c.paced {
			continue
		}
		c.paced = false
		if c.state != streaming {
			continue
		}
		err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, releasedBuffer)
		if err != nil || l.watch(c, i, unix.EPOLL_CTL_MOD, unix.EPOLLIN) != nil {
			l.lose(c)
		}
	}
}
