package core

import "sync"

// finishers bounds how many workers run at the same time. They may block in
// hooks and stores.
const finishers = 64

// finisher runs work that a shard must not wait for: it finishes the streams of
// hijacked connections, and releases channels.
type finisher struct {
	mu      sync.Mutex
	todo    []func()
	workers int
	guests  int       // adapter goroutines that are opening or abandoning a stream
	idle    sync.Cond // signalled when workers and guests are 0; its L is &mu
}

func (f *finisher) add(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.todo = append(f.todo, do)
	if f.workers < finishers {
		f.workers++
		go f.work()
	}
}

func (f *finisher) work() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.todo) > 0 {
		do := f.todo[0]
		f.todo = f.todo[1:]
		f.mu.Unlock()
		do()
		f.mu.Lock()
	}
	f.todo = nil
	f.workers--
	f.rest()
}

// enter makes wait wait for work in another goroutine, until leave.
func (f *finisher) enter() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.guests++
}

func (f *finisher) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.guests--
	f.rest()
}

// rest signals idle if no worker and no guest is left. The caller holds f.mu.
func (f *finisher) rest() {
	if f.workers == 0 && f.guests == 0 {
		f.idle.Broadcast()
	}
}

// wait blocks until no work is left.
func (f *finisher) wait() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.workers > 0 || f.guests > 0 {
		f.idle.Wait()
	}
}
