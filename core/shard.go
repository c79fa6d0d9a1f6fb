package core

import (
	"sync"
	"time"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// shard drives a part of a hub's streams, so that Publish does not have to: it
// takes what follows from the rings, and hands it to the transports of its
// members. It also wakes the subscribers of Hub.Subscribe. While it works,
// further events collect in the rings and go out together: batches grow with
// the load, and one round bounds the latency.
//
// The shard's goroutine exists only while there is work.
type shard struct {
	hub   *Hub
	index int

	// Queue of work; mu guards the fields up to watchers
	mu       sync.Mutex
	todo     work
	running  bool
	watchers int        // goroutines that wait for socket events: 1 if there is a set, else 0
	quiet    *sync.Cond // signalled when running or watchers goes down; its L is &mu

	// State of the shard's goroutine: no other goroutine uses it
	spare    work
	members  members
	caches   [2]writeCache            // by bodyKind, of bodies that are not reencoded
	dialects map[cacheKey]*writeCache // of other bodies; emptied after each round
	head     uint64                   // sequence number up to which this round sends; the next round sends later entries
	now      time.Time                // start of the current round

	sampling sampling
	tally    tally
}

// work is the work that is queued for a shard.
type work struct {
	dirty  []*channel   // channels with new entries for the shard's subscribers
	woken  []*member    // members that join, should end, or have a page to send
	events []sock.Event // members that are ready again or whose peer is gone
	tick   bool         // check heartbeats and deadlines
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

// markDirty queues a channel that has new entries. It does not block on
// subscribers.
func (s *shard) markDirty(c *channel) {
	in := &c.shards[s.index]
	if in.n.Load() == 0 || in.dirty.Swap(true) {
		return
	}
	s.enqueue(func(w *work) { w.dirty = append(w.dirty, c) })
}

// enqueue adds work, and starts the shard's goroutine if it does not run.
func (s *shard) enqueue(add func(*work)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add(&s.todo)
	if !s.running {
		s.running = true
		go s.run()
	}
}

// run works until no work is left.
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
	s.sampleRound(w.dirty)
	for _, ev := range w.events {
		s.onSocketEvent(ev)
	}
	for _, m := range w.woken {
		s.service(m)
	}
	if w.tick {
		s.tick()
	}
	for _, c := range w.dirty {
		in := &c.shards[s.index]
		// Clear the flag before reading the head: an event that is published after
		// this queues the channel again.
		in.dirty.Store(false)
		s.head = s.hub.head.Load()
		in.wake()
		for _, p := range in.members {
			s.deliver(p.m)
		}
	}
	s.caches[0].reset()
	s.caches[1].reset()
	for _, c := range s.dialects {
		c.reset()
	}
	clear(s.dialects)
}

// wait blocks until the shard has nothing to do and has no socket.
func (s *shard) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.running || s.watchers > 0 {
		s.quiet.Wait()
	}
}
