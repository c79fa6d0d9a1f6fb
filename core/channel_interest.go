package core

import (
	"sync"
	"sync/atomic"
)

// interest is what a channel knows of a shard: whom to tell there that there
// is news.
type interest struct {
	// dirty is set while the channel is on the shard's list.
	dirty atomic.Bool
	// n is the number of those to tell.
	n atomic.Int64

	mu   sync.Mutex
	subs map[*subscriber]struct{} // wait in goroutines of their own

	owned []place // the shard sends to them; touched by its goroutine only
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
