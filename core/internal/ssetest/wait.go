package ssetest

import (
	"context"
	"runtime"
	"testing"
	"time"
)

// Patience is how long a test waits before it fails. The machine may be busy.
const Patience = 20 * time.Second

// Receive returns the next value of a channel.
func Receive[T any](tb testing.TB, c <-chan T, what string) T {
	tb.Helper()
	timer := time.NewTimer(Patience)
	defer timer.Stop()
	select {
	case v := <-c:
		return v
	case <-timer.C:
		tb.Fatalf("%s: got nothing in %v", what, Patience)
		panic("unreachable")
	}
}

// Pause lets real time pass, for tests of what happens in time.
func Pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Eventually waits until a count is the wanted one.
func Eventually(tb testing.TB, what string, want int, count func() int) {
	tb.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	end := time.Now().Add(Patience)
	for {
		got := count()
		if got == want {
			return
		}
		if time.Now().After(end) {
			tb.Fatalf("%s: got %d, want %d", what, got, want)
		}
		<-ticker.C
	}
}

// Settled waits until there are no more goroutines than before.
func Settled(tb testing.TB, before int) {
	tb.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	end := time.Now().Add(Patience)
	for {
		got := runtime.NumGoroutine()
		if got <= before {
			return
		}
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			tb.Fatalf("goroutines: got %d, want %d as before\n%s", got, before, stacks)
		}
		<-ticker.C
	}
}
