package core

import (
	"sync"
	"sync/atomic"
)

// interest holds the subscribers of one channel in one shard, for the shard to
// notify of new entries.
type interest struct {
	// dirty is set while the channel is on the shard's list of dirty channels.
	dirty atomic.Bool
	// n is the number of subscribers in subs and members.
	n atomic.Int64

	mu   sync.Mutex
	subs map[*subscriber]struct{} // of Hub.Subscribe; guarded by mu; nil if none

	members []place // only the shard's goroutine uses it
}

func (i *interest) add(s *subscriber) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.subs == nil {
		i.subs = make(map[*subscriber]struct{})
	}
	i.subs[s] = struct{}{}
	i.n.Add(1)
}

func (i *interest) remove(s *subscriber) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.subs, s)
	i.n.Add(-1)
	if len(i.subs) == 0 {
		i.subs = nil
	}
}

func (i *interest) wake() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for s := range i.subs {
		s.notify()
	}
}
