package core

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// plainConn records what it is sent, and reports concurrent calls.
type plainConn struct {
	busy    atomic.Int32
	overlap atomic.Bool
	flushes atomic.Int32
	onFlush func() error // may be nil

	mu       sync.Mutex
	buf      bytes.Buffer
	deadline time.Time
}

func (c *plainConn) alone() (leave func()) {
	if c.busy.Add(1) != 1 {
		c.overlap.Store(true)
	}
	return func() { c.busy.Add(-1) }
}

func (c *plainConn) Write(p []byte) (int, error) {
	defer c.alone()()
	return c.buf.Write(p)
}

func (c *plainConn) Flush() error {
	defer c.alone()()
	c.flushes.Add(1)
	if c.onFlush != nil {
		return c.onFlush()
	}
	return nil
}

func (c *plainConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return nil
}

func (c *plainConn) overdue() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.deadline.IsZero() && c.deadline.Before(time.Now())
}

func testWriter(conn Conn) *writer {
	w := &writer{timeout: time.Minute, sent: func(int, int) {}, start: time.Now(), turn: make(chan struct{}, 1), conn: conn}
	w.fail = func(err error) { w.refuse(err) }
	return w
}

func line(format string, args ...any) func([]byte) ([]byte, error) {
	return func(dst []byte) ([]byte, error) { return fmt.Appendf(dst, format+"\n", args...), nil }
}

// Every sender's lines arrive whole, once, in its order, and are there when
// its write has returned.
func TestWriterKeepsEachSendersOrder(t *testing.T) {
	t.Parallel()
	const senders, lines = 16, 200
	conn := &plainConn{}
	w := testWriter(conn)
	var events atomic.Int64
	w.sent = func(n, _ int) { events.Add(int64(n)) }
	bad := errors.New("bad")
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			for i := range lines {
				if err := w.write(1, line("%d %d", s, i)); err != nil {
					t.Error(err)
				}
				if err := w.write(1, func(dst []byte) ([]byte, error) { return append(dst, "half"...), bad }); !errors.Is(err, bad) {
					t.Errorf("got %v, want the encoder's error", err)
				}
				if err := w.write(0, func(dst []byte) ([]byte, error) { return dst, nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	next := make([]int, senders)
	for text := range strings.Lines(conn.buf.String()) {
		var s, i int
		if _, err := fmt.Sscanf(text, "%d %d\n", &s, &i); err != nil || next[s] != i {
			t.Fatalf("got line %q, want number %d of its sender", text, next[s])
		}
		next[s]++
	}
	for s, n := range next {
		if n != lines {
			t.Errorf("got %d lines of sender %d, want %d", n, s, lines)
		}
	}
	if got := events.Load(); got != senders*lines {
		t.Errorf("got %d events counted, want %d", got, senders*lines)
	}
	if conn.overlap.Load() {
		t.Error("got two at once on the connection")
	}
}

func TestWriterStopsForGood(t *testing.T) {
	t.Parallel()
	for range 100 {
		conn := &plainConn{}
		w := testWriter(conn)
		stop := errors.New("stop")
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for {
					if err := w.write(1, line("x")); err != nil {
						if !errors.Is(err, stop) {
							t.Errorf("got %v, want %v", err, stop)
						}
						return
					}
				}
			})
		}
		w.refuse(stop)
		w.close()
		before := conn.flushes.Load()
		all.Wait()
		if got := conn.flushes.Load(); got != before {
			t.Fatalf("got %d flushes after close", got-before)
		}
		if conn.overlap.Load() {
			t.Fatal("got two at once on the connection")
		}
	}
}

// An abort ends a blocked write at any time. Nothing is written afterwards.
func TestWriterAbort(t *testing.T) {
	t.Parallel()
	for range 200 {
		conn := &plainConn{}
		var jammed atomic.Bool
		conn.onFlush = func() error {
			for jammed.Load() {
				if conn.overdue() {
					return os.ErrDeadlineExceeded
				}
				runtime.Gosched()
			}
			return nil
		}
		w := testWriter(conn)
		w.timeout = -1
		stop := errors.New("stop")
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				for {
					if err := w.write(1, line("x")); err != nil {
						if !errors.Is(err, stop) {
							t.Errorf("got %v, want %v", err, stop)
						}
						return
					}
				}
			})
		}
		jammed.Store(true)
		w.refuse(stop)
		w.abort()
		all.Wait()
		// This send is prepared before the abort, and runs after it.
		if err := w.send(conn, 1, []byte("late")); !errors.Is(err, stop) {
			t.Fatalf("got %v, want %v", err, stop)
		}
		if strings.Contains(conn.buf.String(), "late") {
			t.Fatal("got something written after the abort")
		}
		w.close()
		w.abort()
	}
}

// All waiting senders return the error of the connection.
func TestWriterSaysWhyItBroke(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		after time.Duration
		err   error
		want  error
	}{
		"gone":              {time.Second, broken, ErrClientGone},
		"deadline":          {time.Second, fmt.Errorf("write: %w", os.ErrDeadlineExceeded), ErrWriteTimeout},
		"late, other words": {time.Minute, broken, ErrWriteTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				conn := &plainConn{onFlush: func() error { time.Sleep(test.after); return test.err }}
				w := testWriter(conn)
				var failures []error
				w.fail = func(err error) { failures = append(failures, err); w.refuse(err) }
				results := make(chan error)
				for range 5 {
					go func() { results <- w.write(1, line("x")) }()
				}
				for range 5 {
					if err := <-results; !errors.Is(err, test.want) || !errors.Is(err, test.err) {
						t.Errorf("got %v, want %v and its cause", err, test.want)
					}
				}
				if len(failures) != 1 {
					t.Errorf("got %d failures reported, want 1", len(failures))
				}
				if got := conn.flushes.Load(); got != 1 {
					t.Errorf("got %d flushes, want 1", got)
				}
			})
		})
	}
}

// A connection without deadlines has no write timeout.
func TestWriterWithoutADeadline(t *testing.T) {
	t.Parallel()
	for _, timeout := range []time.Duration{0, -1} {
		conn := &plainConn{}
		w := testWriter(conn)
		w.timeout = timeout
		if err := w.write(1, line("x")); err != nil {
			t.Fatal(err)
		}
		if !conn.deadline.IsZero() {
			t.Errorf("got a deadline for timeout %v", timeout)
		}
	}
}

func TestWriterKeepsNoLargeBuffer(t *testing.T) {
	t.Parallel()
	w := testWriter(&plainConn{})
	for _, size := range []int{1, maxSpare * 2} {
		if err := w.write(1, line("%s", strings.Repeat("x", size))); err != nil {
			t.Fatal(err)
		}
	}
	if got := cap(w.next); got > maxSpare {
		t.Errorf("got a buffer of %d bytes kept, want %d at most", got, maxSpare)
	}
}

// If a deadline may pass while nothing is sent, it is moved rarely. Each write
// still has its full timeout, and the end of the body has no deadline.
func TestWriterMovesItsDeadlineSeldom(t *testing.T) {
	t.Parallel()
	for _, lazy := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			conn := &plainConn{}
			w := testWriter(conn)
			w.lazy = lazy
			moved := 0
			var last time.Time
			for range 240 { // two minutes, at two writes a second
				conn.onFlush = func() error {
					if conn.deadline != last {
						last = conn.deadline
						moved++
					}
					if rest := time.Until(conn.deadline); rest < w.timeout || rest > w.timeout+w.timeout/10 {
						t.Fatalf("lazy %t: got %v for a write, want %v, or a tenth more", lazy, rest, w.timeout)
					}
					return nil
				}
				if err := w.write(1, line("x")); err != nil {
					t.Fatal(err)
				}
				if !lazy && !conn.deadline.IsZero() {
					t.Fatal("got a deadline between two writes, want none")
				}
				time.Sleep(time.Second / 2)
			}
			if most := 120 / 6; lazy && moved > most {
				t.Errorf("got the deadline moved %d times, want %d at most", moved, most)
			}
			time.Sleep(time.Hour)
			if err := w.write(1, line("x")); err != nil {
				t.Fatal(err)
			}
			w.timeout = time.Second // as after a change of channels
			conn.onFlush = func() error {
				if rest := time.Until(conn.deadline); rest > w.timeout+w.timeout/10 {
					t.Errorf("lazy %t: got %v after the timeout was made shorter, want %v", lazy, rest, w.timeout)
				}
				return nil
			}
			if err := w.write(1, line("x")); err != nil {
				t.Fatal(err)
			}
			w.refuse(ErrClosed)
			w.close()
			if !conn.deadline.IsZero() {
				t.Errorf("lazy %t: got a deadline after the end, want none", lazy)
			}
		})
	}
}
