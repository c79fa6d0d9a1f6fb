//go:build linux

package contender

import (
	"sync"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/wire"
)

// leaves are the times when a server noticed that clients had left. It is a
// [Leaver]. The zero value is ready to use.
type leaves struct {
	mu    sync.Mutex
	times []int64
	more  chan struct{} // closed with the next one; nil if nobody waits
}

var _ Leaver = (*leaves)(nil)

// note adds the present.
func (l *leaves) note() {
	now := wire.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.times = append(l.times, now)
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
}

// Left implements [Leaver].
func (l *leaves) Left(n int, limit time.Duration) (at int64, ok bool) {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for {
		l.mu.Lock()
		if len(l.times) >= n {
			defer l.mu.Unlock()
			return l.times[n-1], true
		}
		if l.more == nil {
			l.more = make(chan struct{})
		}
		more := l.more
		l.mu.Unlock()
		select {
		case <-more:
		case <-timeout.C:
			return 0, false
		}
	}
}
