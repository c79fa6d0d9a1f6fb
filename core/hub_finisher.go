package core

import "sync"

// finishers is how many are at work at once, at most: hooks and stores may wait
// for something.
const finishers = 64

// finisher does what a shard must not wait for: it finishes the streams of
// owned connections, and lets go of channels.
type finisher struct {
	mu      sync.Mutex
	todo    []func()
	workers int
	guests  int       // streams that an adapter's goroutine begins or gives up
	idle    sync.Cond // signalled when there are neither workers nor guests; its L is mu
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

// enter has wait wait for work in a goroutine of another's, until leave.
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

// rest tells those who wait if nothing is at work. The caller holds f.mu.
func (f *finisher) rest() {
	if f.workers == 0 && f.guests == 0 {
		f.idle.Broadcast()
	}
}

// wait blocks until there is nothing to finish.
func (f *finisher) wait() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.workers > 0 || f.guests > 0 {
		f.idle.Wait()
	}
}
