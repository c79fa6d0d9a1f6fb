package core

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// writer sends what several goroutines write, one batch after another. What is
// written during a send makes up the next batch: the batches size themselves.
// The connection is not called under the lock.
type writer struct {
	// Set by newWriter; the driver may change timeout between writes. 0 means
	// no bound.
	timeout time.Duration
	// lazy says that a deadline may pass while nothing is sent, so that it need
	// not move for each write.
	lazy bool
	sent func(events, bytes int) // called after each batch, without the lock
	fail func(error)             // ends the stream with the connection's first error

	// Clock for silence.
	start time.Time    // zero of the writer's clock
	last  atomic.Int64 // end of the last write, in nanoseconds on that clock

	turn chan struct{} // holds an element while a goroutine sends

	// The batch to be sent next. mu guards all fields below.
	mu     sync.Mutex
	conn   Conn // nil after close
	next   []byte
	events int
	number uint64 // of that batch
	done   uint64 // how many batches were sent
	err    error  // set by refuse: no more batches are accepted

	// Deadline of the write in progress.
	aborted bool          // no write begins after this
	ending  chan struct{} // closed when abort has moved the deadline; nil if it moves none
	sending bool          // a write is in progress, or broke the connection
	armed   bool          // the writer has set the connection's deadline
	due     time.Time     // that deadline; zero means no bound
}

// maxSpare is the maximum size of a buffer that is kept for the next batch.
const maxSpare = 16 << 10

// newWriter returns a writer to the stream's connection.
func newWriter(s *Stream, conn Conn) *writer {
	r := s.handshake.request
	return &writer{
		timeout: s.stallTimeout(),
		// HTTP/2 would reset the stream, and TLS may send by itself.
		lazy:  r.ProtoMajor < 2 && r.TLS == nil,
		sent:  s.count,
		fail:  s.end,
		start: time.Now(),
		turn:  make(chan struct{}, 1),
		conn:  conn,
	}
}

// silence returns the time since the last write.
func (w *writer) silence() time.Duration {
	return time.Since(w.start) - time.Duration(w.last.Load())
}

// write sends what encode appends, and returns when it is flushed. If encode
// returns an error or appends nothing, nothing is sent.
func (w *writer) write(events int, encode encoding) error {
	w.mu.Lock()
	if w.err != nil {
		defer w.mu.Unlock()
		return w.err
	}
	next, err := encode(w.next)
	if err != nil || len(next) == len(w.next) {
		defer w.mu.Unlock()
		return err
	}
	w.next = next
	w.events += events
	number := w.number
	w.mu.Unlock()
	w.turn <- struct{}{}
	defer w.pass()
	return w.flush(number)
}

// pass lets the next goroutine send.
func (w *writer) pass() { <-w.turn }

// flush sends the batch of that number, unless another goroutine has sent it.
// The caller has the turn.
func (w *writer) flush(number uint64) error {
	w.mu.Lock()
	if w.done > number || w.err != nil {
		defer w.mu.Unlock()
		if w.done > number {
			return nil
		}
		return w.err
	}
	buf, events := w.next, w.events
	w.next, w.events = nil, 0
	w.number++
	w.mu.Unlock()
	if err := w.send(w.conn, events, buf); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = number + 1
	if w.next == nil && cap(buf) <= maxSpare {
		w.next = buf[:0]
	}
	return nil
}

// send writes the chunks and flushes them. Only one goroutine at a time may
// call it.
func (w *writer) send(conn Conn, events int, chunks ...[]byte) error {
	start, err := w.arm(conn)
	if err != nil {
		return err
	}
	bytes, err := put(conn, chunks)
	if err != nil {
		return w.broken(err, start)
	}
	w.disarm(conn)
	w.last.Store(int64(time.Since(w.start)))
	w.sent(events, bytes)
	return nil
}

// put writes and flushes. A wrapper around the connection may panic, maybe in
// the goroutine of a heartbeat, where nothing recovers the panic.
func put(conn Conn, chunks [][]byte) (bytes int, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w in connection: %v", ErrPanic, v)
		}
	}()
	for _, chunk := range chunks {
		if _, err := conn.Write(chunk); err != nil {
			return bytes, err //nolint:wrapcheck // The caller does.
		}
		bytes += len(chunk)
	}
	return bytes, conn.Flush()
}

// arm sets the deadline of a write that begins now, which replaces the
// server's, and returns an error after an abort.
func (w *writer) arm(conn Conn) (start time.Time, err error) {
	w.mu.Lock()
	if w.aborted {
		defer w.mu.Unlock()
		return time.Time{}, w.err
	}
	start = time.Now()
	w.sending = true
	set := !w.armed || !w.bounds(start)
	if set {
		w.armed, w.due = true, time.Time{}
		if w.timeout > 0 {
			w.due = start.Add(w.timeout + w.slack())
		}
	}
	due := w.due
	w.mu.Unlock()
	if set {
		_ = conn.SetWriteDeadline(due) // a connection without deadlines is sent on all the same
		if w.isAborted() {
			_ = conn.SetWriteDeadline(past())
		}
	}
	return start, nil
}

func (w *writer) isAborted() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.aborted
}

// bounds reports whether the current deadline suits a write that begins at
// start.
func (w *writer) bounds(start time.Time) bool {
	if w.timeout <= 0 {
		return w.due.IsZero()
	}
	rest := w.due.Sub(start)
	return rest >= w.timeout && rest <= w.timeout+w.slack()
}

// slack is the time by which a write may exceed its timeout, so that one
// deadline serves several writes.
func (w *writer) slack() time.Duration {
	if !w.lazy {
		return 0
	}
	return w.timeout / 10
}

// disarm removes the deadline of a write that is done, unless it may stay: on
// HTTP/2, a deadline that passes while nothing is sent resets the stream.
func (w *writer) disarm(conn Conn) {
	w.mu.Lock()
	w.sending = false
	stays := w.lazy && !w.aborted
	w.mu.Unlock()
	if !stays {
		w.lift(conn)
	}
}

// lift removes the deadline, also one that abort has moved. It calls the
// adapter's method without the lock. Only the goroutine that sends, or sent
// last, may call lift.
func (w *writer) lift(conn Conn) {
	w.mu.Lock()
	set, ending := w.timeout > 0 || w.aborted, w.ending
	w.armed, w.due = false, time.Time{}
	w.mu.Unlock()
	if ending != nil {
		<-ending
	}
	if set {
		_ = conn.SetWriteDeadline(time.Time{})
	}
}

// overdue reports whether the write in progress has missed its deadline. What
// looks like the client's disconnect is then caused by this server.
func (w *writer) overdue() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sending && !w.due.IsZero() && !time.Now().Before(w.due)
}

// broken ends the stream with the error of a connection and returns the reason.
// Not every protocol reports that a write failed because of its deadline, so
// broken looks at the clock, too.
func (w *writer) broken(err error, start time.Time) error {
	timedOut := w.timeout > 0 && time.Since(start) >= w.timeout
	switch {
	case errors.Is(err, ErrPanic):
	case timedOut, errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("%w: %w", ErrWriteTimeout, err)
	default:
		err = fmt.Errorf("%w: %w", ErrClientGone, err)
	}
	w.fail(err)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// refuse makes all later writes fail with err. The batch being sent may finish.
func (w *writer) refuse(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

// abort ends a write that blocks. Call refuse first.
func (w *writer) abort() {
	w.mu.Lock()
	conn := w.conn
	moves := !w.aborted && w.sending && conn != nil
	if moves {
		w.ending = make(chan struct{})
		defer close(w.ending)
	}
	w.aborted = true
	w.mu.Unlock()
	if moves {
		_ = conn.SetWriteDeadline(past())
	}
}

// sendLast waits for the write in progress, and sends what then follows it. Call
// refuse first.
func (w *writer) sendLast(text func() []byte) {
	w.turn <- struct{}{}
	defer w.pass()
	if bytes := text(); len(bytes) > 0 {
		_ = w.send(w.conn, 0, bytes) // fails if the client takes nothing any more
	}
}

// close waits for the write in progress, and releases the connection without a
// deadline, so that the server can end the body. Call refuse first.
func (w *writer) close() {
	w.turn <- struct{}{}
	defer w.pass()
	w.mu.Lock()
	conn, armed, ending := w.conn, w.armed, w.ending
	w.conn = nil
	w.mu.Unlock()
	switch {
	case armed:
		w.lift(conn)
	case ending != nil:
		<-ending
	}
}

// past returns a time in the past, for deadlines.
func past() time.Time { return time.Unix(1, 0) }
