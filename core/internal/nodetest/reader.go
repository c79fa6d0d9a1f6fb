package nodetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// Reader collects what a subscriber gets.
type Reader struct {
	stop context.CancelFunc
	done chan struct{}

	mu    sync.Mutex
	data  []string
	ids   []string
	err   error
	moved chan struct{} // closed with every change
}

// Read subscribes.
func (n Node) Read(tb testing.TB, sub core.Subscription) *Reader {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	r := &Reader{stop: cancel, done: make(chan struct{}), moved: make(chan struct{})}
	ready := make(chan struct{})
	go func() {
		defer close(r.done)
		events := n.Subscribe(ctx, sub)
		close(ready)
		for d, err := range events {
			r.add(d, err)
		}
	}()
	<-ready
	tb.Cleanup(func() { cancel(); <-r.done })
	return r
}

func (r *Reader) add(d core.Delivery, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	gap := (*core.GapError)(nil)
	switch {
	case errors.As(err, &gap):
		r.data, r.ids = append(r.data, "reset: "+string(gap.Reason)), append(r.ids, "")
	case err != nil:
		r.err = err
	default:
		r.data, r.ids = append(r.data, d.Data), append(r.ids, d.ID)
	}
	close(r.moved)
	r.moved = make(chan struct{})
}

// Until waits until the reader has what enough asks for, and returns its data.
func (r *Reader) Until(tb testing.TB, what string, enough func(data []string) bool) []string {
	tb.Helper()
	timeout := time.NewTimer(Patience)
	defer timeout.Stop()
	for {
		r.mu.Lock()
		data, moved, err := slices.Clone(r.data), r.moved, r.err
		r.mu.Unlock()
		if enough(data) {
			return data
		}
		if err != nil {
			tb.Fatalf("%s: the subscription ended: %v", what, err)
		}
		select {
		case <-moved:
		case <-timeout.C:
			tb.Fatalf("%s: after %v, got %d: %q", what, Patience, len(data), data[max(0, len(data)-20):])
		}
	}
}

// Wants waits for exactly these data.
func (r *Reader) Wants(tb testing.TB, what string, want ...string) {
	tb.Helper()
	got := r.Until(tb, what, func(data []string) bool { return len(data) >= len(want) })
	if !slices.Equal(got, want) {
		tb.Fatalf("%s: got %q, want %q", what, got, want)
	}
}

// IDs returns the IDs of what the reader has. That of a reset is empty.
func (r *Reader) IDs() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ids)
}
