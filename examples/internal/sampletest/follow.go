package sampletest

import (
	"slices"
	"sync"

	"github.com/tidings-go/tidings/core"
)

// Followed collects the events of a stream as they come.
type Followed struct {
	s *Stream

	mu     sync.Mutex
	more   sync.Cond
	events []core.Event
	ended  bool
}

// Follow takes over a stream: no other code may read it any more.
func Follow(s *Stream) *Followed {
	f := &Followed{s: s}
	f.more.L = &f.mu
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ev, err := range s.decoder.All() {
			f.mu.Lock()
			if err == nil {
				f.events = append(f.events, ev)
			}
			f.mu.Unlock()
			f.more.Broadcast()
		}
		f.mu.Lock()
		f.ended = true
		f.mu.Unlock()
		f.more.Broadcast()
	}()
	s.t.Cleanup(func() {
		s.Cut()
		<-done
	})
	return f
}

// Await waits for n events more.
func (f *Followed) Await(n int) {
	f.s.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	n += len(f.events)
	for len(f.events) < n {
		if f.ended {
			f.s.t.Fatalf("a subscriber: got its end after %d events, want %d", len(f.events), n)
		}
		f.more.Wait()
	}
}

// Through returns the events up to an ID, and waits for that.
func (f *Followed) Through(id string) []core.Event {
	f.s.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if i := slices.IndexFunc(f.events, func(ev core.Event) bool { return ev.ID == id }); i >= 0 {
			return slices.Clone(f.events[:i+1])
		}
		if f.ended {
			f.s.t.Fatalf("a subscriber: got no event %s before its end, want it", id)
		}
		f.more.Wait()
	}
}
