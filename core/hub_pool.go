package core

import "sync"

// finishers is how many streams are finished at the same time.
const finishers = 64

// pool runs work that a shard must not wait for, because it may block: in hooks
// and in the store. Workers exist only while there is work.
type pool struct {
	max int // how many workers run at the same time; set before the first add

	mu      sync.Mutex
	todo    []func()
	workers int
	guests  int       // goroutines of adapters that wait waits for: see enter
	idle    sync.Cond // signalled when workers and guests are 0; its L is &mu
}

func (p *pool) init(most int) {
	p.max = most
	p.idle.L = &p.mu
}

// add queues work. It does not block.
func (p *pool) add(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.todo = append(p.todo, do)
	if p.workers < p.max {
		p.workers++
		go p.work()
	}
}

func (p *pool) work() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.todo) > 0 {
		do := p.todo[0]
		p.todo[0] = nil
		p.todo = p.todo[1:]
		p.mu.Unlock()
		do()
		p.mu.Lock()
	}
	p.todo = nil
	p.workers--
	p.rest()
}

// enter makes wait wait for work in another goroutine, until leave.
func (p *pool) enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.guests++
}

func (p *pool) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.guests--
	p.rest()
}

// rest signals idle if no worker and no guest is left. The caller holds p.mu.
func (p *pool) rest() {
	if p.workers == 0 && p.guests == 0 {
		p.idle.Broadcast()
	}
}

// wait blocks until no work is left.
func (p *pool) wait() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.workers > 0 || p.guests > 0 {
		p.idle.Wait()
	}
}
