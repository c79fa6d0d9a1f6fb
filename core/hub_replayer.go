package core

import "sync"

// replayer reads pages of history for hijacked connections, so that a shard
// never waits for a store. At most MaxReplays workers run at the same time.
type replayer struct {
	hub *Hub

	mu      sync.Mutex
	waiting []*hijackedConn
	workers int
	idle    sync.Cond // signalled when the last worker stops; its L is &mu
}

// add queues the read of a page for a connection. Until the page is handed
// back, the connection's subscriber belongs to the replayer.
func (r *replayer) add(o *hijackedConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = append(r.waiting, o)
	if r.workers < r.hub.cfg.MaxReplays {
		r.workers++
		go r.work()
	}
}

func (r *replayer) work() {
	for {
		r.mu.Lock()
		if len(r.waiting) == 0 {
			r.workers--
			r.waiting = nil
			r.idle.Broadcast()
			r.mu.Unlock()
			return
		}
		o := r.waiting[0]
		r.waiting = r.waiting[1:]
		r.mu.Unlock()
		r.hub.replays <- struct{}{}
		p := &page{begins: !o.sub.begun(), sent: make(chan struct{})}
		if p.err = o.stream.Err(); p.err == nil { // the stream may have ended while the connection waited
			p.replayed, p.err = o.sub.replay(r.hub.life)
		}
		o.page.Store(p)
		o.wake()
		<-p.sent // the page takes memory until the shard has handled it
		<-r.hub.replays
	}
}

// wait blocks until no page is being read.
func (r *replayer) wait() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.workers > 0 {
		r.idle.Wait()
	}
}
