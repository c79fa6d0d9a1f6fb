package core

import (
	"sync"
	"time"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// shard serves a part of a hub's subscribers, so that Publish need not. It
// wakes those that wait in goroutines of their own, and it is the only one who
// sends to the connections that it owns. While it is at work, further events
// pile up in the rings, and go out together: batches size themselves, and the
// latency is bounded by one sweep.
//
// Its goroutine exists only while there is something to do.
type shard struct {
	hub   *Hub
	index int

	mu       sync.Mutex
	todo     work
	running  bool
	watchers int        // goroutines that wait for events of sockets: one, while there are members
	quiet    *sync.Cond // signalled when one of both goes down

	// What follows is touched by the shard's goroutine only.
	spare   work
	members members
	cache   writeCache
	now     time.Time // of the round at work
}

// work is what a shard has been asked to do.
type work struct {
	dirty  []*channel      // have news for this shard's subscribers
	woken  []*hijackedConn // have joined, should end, or have a page to send
	events []sock.Event    // sockets that are writable or gone
	tick   bool            // look for heartbeats and deadlines
}

func (w *work) empty() bool {
	return len(w.dirty) == 0 && len(w.woken) == 0 && len(w.events) == 0 && !w.tick
}

func (w *work) reset() {
	clear(w.dirty)
	clear(w.woken)
	w.dirty, w.woken, w.events, w.tick = w.dirty[:0], w.woken[:0], w.events[:0], false
}

func (s *shard) init(hub *Hub, index int) {
	s.hub, s.index = hub, index
	s.quiet = sync.NewCond(&s.mu)
}

// markDirty says that the channel has news. It does not wait for anybody.
func (s *shard) markDirty(c *channel) {
	in := &c.shards[s.index]
	if in.n.Load() == 0 || in.dirty.Swap(true) {
		return
	}
	s.enqueue(func(w *work) { w.dirty = append(w.dirty, c) })
}

// enqueue adds to the shard's work, and has it done.
func (s *shard) enqueue(add func(*work)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add(&s.todo)
	if !s.running {
		s.running = true
		go s.run()
	}
}

// run works until there is nothing left to do.
func (s *shard) run() {
	for {
		s.mu.Lock()
		s.spare.reset()
		if s.todo.empty() {
			s.running = false
			s.quiet.Broadcast()
			s.mu.Unlock()
			return
		}
		s.todo, s.spare = s.spare, s.todo
		s.mu.Unlock()
		s.round(&s.spare)
	}
}

func (s *shard) round(w *work) {
	s.now = time.Now()
	for _, ev := range w.events {
		s.onSocketEvent(ev)
	}
	for _, o := range w.woken {
		s.service(o)
	}
	if w.tick {
		s.tick()
	}
	for _, c := range w.dirty {
		in := &c.shards[s.index]
		// First the flag, then the news: whoever publishes from here on puts
		// the channel on the list again.
		in.dirty.Store(false)
		s.cache.head = s.hub.head.Load()
		in.wake()
		for _, p := range in.owned {
			s.deliver(p.o)
		}
	}
	s.cache.reset()
}

// wait blocks until the shard has nothing to do and owns no connection.
func (s *shard) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.running || s.watchers > 0 {
		s.quiet.Wait()
	}
}
