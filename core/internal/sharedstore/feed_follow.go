package sharedstore

import (
	"context"
	"time"
)

// Follow calls catchUp when it is woken, and every poll, until life ends. catchUp
// delivers what the storage has, and reports whether there may be more. With
// compare, it also looks whether the newest entry is still the one that was
// delivered.
func (f *Feed) Follow(life context.Context, poll time.Duration, health *Health, catchUp func(compare bool) (more bool, err error)) {
	pause, compare := poll, false
	timer := time.NewTimer(0) // there may be news since the store was opened
	defer timer.Stop()
	for {
		select {
		case <-life.Done():
			return
		case <-f.news:
		case <-timer.C:
			compare = true
		}
		more, err := catchUp(compare)
		compare = false
		switch {
		case life.Err() != nil:
			return
		case err != nil:
			_ = health.Gone(life, err)
			pause = min(max(10*time.Millisecond, 2*pause), 500*time.Millisecond)
		default:
			_ = health.Gone(life, nil)
			pause = poll
		}
		if more {
			f.Wake()
		}
		timer.Reset(pause)
		if err != nil && !Rest(life, pause) {
			return
		}
	}
}
