package netwatch_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/internal/netwatch"
)

// All connections together take one goroutine, and only while there are any.
//
//nolint:paralleltest // It counts goroutines.
func TestOneGoroutine(t *testing.T) {
	const n = 100
	var w netwatch.Watcher
	for range 3 {
		before := runtime.NumGoroutine()
		pairs := make([]pair, n)
		stops := make([]func(), n)
		gone := make(chan int, n)
		for i := range pairs {
			pairs[i] = tcp(t)
			stops[i] = w.Watch(pairs[i].server, func() { gone <- i })
		}
		if got := runtime.NumGoroutine() - before; got > 1 {
			t.Errorf("goroutines for %d connections: got %d, want 1", n, got)
		}
		for i := range n / 2 {
			stops[i]()
			_ = pairs[i].client.Close() // the error does not matter
		}
		left := make(map[int]bool)
		for i := n / 2; i < n; i++ {
			_ = pairs[i].client.Close()
			left[<-gone] = true
		}
		if len(left) != n/2 || left[0] {
			t.Errorf("gone: got %v, want those that are watched, each once", left)
		}
		for _, stop := range stops {
			stop()
			stop()
		}
		settled(t, before)
	}
}

// settled waits until there are no more goroutines than before.
func settled(t *testing.T, before int) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; <-ticker.C {
		if time.Now().After(end) {
			t.Fatalf("goroutines afterwards: got %d, want %d", runtime.NumGoroutine(), before)
		}
	}
}

// A connection may be watched again, also after its peer was gone: there may be
// another request that was sent ahead.
func TestWatchAgain(t *testing.T) {
	t.Parallel()
	var w netwatch.Watcher
	other := tcp(t)
	defer w.Watch(other.server, func() { t.Error("got the other one gone") })()
	p := tcp(t)
	for range 3 {
		w.Watch(p.server, func() { t.Error("got it gone") })()
	}
	_ = p.client.CloseWrite()
	for range 3 {
		gone := make(chan struct{})
		stop := w.Watch(p.server, func() { close(gone) })
		wantGone(t, gone)
		stop()
	}
}

// All disconnects at the same time are reported, and none after stop has
// returned.
func TestComeAndGo(t *testing.T) {
	t.Parallel()
	var w netwatch.Watcher
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 50 {
				p := tcp(t)
				gone := make(chan struct{})
				var stopped, late atomic.Bool
				stop := w.Watch(p.server, func() {
					late.Store(stopped.Load())
					close(gone)
				})
				_ = p.client.Close()
				if i%2 == 0 {
					wantGone(t, gone)
				}
				stop()
				stopped.Store(true)
				_ = p.server.Close()
				if late.Load() {
					t.Error("got gone called after stop had returned")
				}
			}
		})
	}
	all.Wait()
}

// Unread TLS records are not a disconnect, and do not hide one.
func TestInputOverTLS(t *testing.T) {
	t.Parallel()
	p := tcp(t)
	p.server = handshake(t, p)
	gone, stop := watch(t, p.server)
	defer stop()
	// A record's form suffices: the kernel does not look into it.
	record := append([]byte{23, 3, 3, 0, 24}, make([]byte, 24)...)
	for range 100 {
		if _, err := p.client.Write(record); err != nil {
			t.Fatal(err)
		}
	}
	wantThere(t, gone)
	_ = p.client.Close()
	wantGone(t, gone)
}
