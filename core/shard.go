package core

import (
	"sync"
	"sync/atomic"
)

// shard wakes the subscribers that were assigned to it, so that Publish need
// not. While it is at work, further events pile up in the rings, and its
// subscribers find them all at once.
//
// Its goroutine exists only while there is somebody to wake.
type shard struct {
	mu      sync.Mutex
	dirty   []*channel // have news for this shard's subscribers
	running bool
	done    sync.WaitGroup // the goroutine, while it runs
}

// interest is what a channel knows of a shard: whom to wake there.
type interest struct {
	// dirty is set while the channel is on the shard's list.
	dirty atomic.Bool
	// n is the number of subscribers. It is read without the lock.
	n atomic.Int64

	mu   sync.RWMutex
	subs map[*subscriber]struct{}
}

func (i *interest) add(s *subscriber) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.subs == nil {
		i.subs = make(map[*subscriber]struct{})
	}
	i.subs[s] = struct{}{}
	i.n.Store(int64(len(i.subs)))
}

func (i *interest) remove(s *subscriber) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.subs, s)
	i.n.Store(int64(len(i.subs)))
	if len(i.subs) == 0 {
		i.subs = nil
	}
}

func (i *interest) wake() {
	i.mu.RLock()
	defer i.mu.RUnlock()
	for s := range i.subs {
		s.notify()
	}
}

// mark says that the channel has news. It does not wait for anybody.
func (s *shard) mark(index int, c *channel) {
	in := &c.shards[index]
	if in.n.Load() == 0 || in.dirty.Swap(true) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirty = append(s.dirty, c)
	if !s.running {
		s.running = true
		s.done.Go(func() { s.run(index) })
	}
}

// run wakes subscribers until there is none left to wake.
func (s *shard) run(index int) {
	var work []*channel
	for {
		s.mu.Lock()
		clear(work)
		work, s.dirty = s.dirty, work[:0]
		if len(work) == 0 {
			s.running = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		for _, c := range work {
			in := &c.shards[index]
			// First the flag, then the news: whoever publishes from here on
			// puts the channel on the list again.
			in.dirty.Store(false)
			in.wake()
		}
	}
}
