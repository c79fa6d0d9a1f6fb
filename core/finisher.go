package core

import "sync"

// finishers is how many streams of owned connections are finished at once, at
// most: hooks may wait for something.
const finishers = 64

// finisher finishes the streams of owned connections, so that a shard never
// waits for a hook.
type finisher struct {
	mu      sync.Mutex
	ended   []*Stream
	workers int
	idle    sync.Cond // signalled when the last worker stops; its L is mu
}

func (f *finisher) add(s *Stream) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = append(f.ended, s)
	if f.workers < finishers {
		f.workers++
		go f.work()
	}
}

func (f *finisher) work() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.ended) > 0 {
		s := f.ended[0]
		f.ended = f.ended[1:]
		f.mu.Unlock()
		s.finish(true, ErrClosed)
		f.mu.Lock()
	}
	f.ended = nil
	f.workers--
	if f.workers == 0 {
		f.idle.Broadcast()
	}
}

// wait blocks until there is nothing to finish.
func (f *finisher) wait() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.workers > 0 {
		f.idle.Wait()
	}
}
