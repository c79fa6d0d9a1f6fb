package core

import "sync"

// finisher finishes the streams of owned connections, one after the other, so
// that a shard never waits for a hook.
type finisher struct {
	mu      sync.Mutex
	ended   []*Stream
	running bool
}

func (f *finisher) add(s *Stream) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = append(f.ended, s)
	if !f.running {
		f.running = true
		go f.run()
	}
}

func (f *finisher) run() {
	for {
		f.mu.Lock()
		ended := f.ended
		f.ended = nil
		if len(ended) == 0 {
			f.running = false
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
		for _, s := range ended {
			s.finish(true, ErrClosed)
		}
	}
}
