package core

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// writer sends what goroutines give it, one batch after another. What comes
// while a batch is being sent makes up the next one: the batches size
// themselves. Nothing is sent under the lock.
type writer struct {
	timeout time.Duration
	// lazy says that a deadline may pass while nothing is sent: then it need not
	// be moved for every write.
	lazy bool
	sent func(events, bytes int) // called after each batch, without the lock
	fail func(error)             // called with the first error of the connection

	start time.Time    // of the writer's clock
	last  atomic.Int64 // when something was sent last, on that clock

	mu      sync.Mutex
	conn    Conn          // nil after the stream ended
	tail    *parcel       // the newest batch; its turn comes last
	spare   []byte        // a buffer to use again
	err     error         // latched: nothing is sent any more
	aborted bool          // no write begins any more
	ending  chan struct{} // closed when the abort of a write has moved its deadline; or nil
	sending bool          // a write is in progress, or broke the connection
	armed   bool          // the connection has the writer's deadline
	due     time.Time     // which is this; zero means no bound
}

// parcel is a batch. Its first sender leads: it waits for its turn and sends
// for all who joined meanwhile.
type parcel struct {
	buf    []byte
	events int
	turn   <-chan struct{} // closed when it may be sent; nil means now
	taken  bool            // its turn has come: nobody joins any more
	done   chan struct{}   // closed when it was sent
	err    error           // valid after done
}

// maxSpare is the size of a buffer that is kept for the next batch at most.
const maxSpare = 16 << 10

// newWriter returns a writer to the stream's connection.
func newWriter(s *Stream, conn Conn) *writer {
	r := s.handshake.request
	return &writer{
		timeout: s.stallTimeout(),
		// HTTP/2 would reset the stream, and TLS may send on its own account.
		lazy:  r.ProtoMajor < 2 && r.TLS == nil,
		sent:  s.count,
		fail:  s.end,
		start: time.Now(),
		conn:  conn,
	}
}

// silence returns how long nothing was sent.
func (w *writer) silence() time.Duration {
	return time.Since(w.start) - time.Duration(w.last.Load())
}

// write sends what encode appends, and returns when it is flushed. If encode
// returns an error or appends nothing, nothing is sent.
func (w *writer) write(events int, encode func(dst []byte) ([]byte, error)) error {
	p, lead, err := w.batch(events, encode)
	switch {
	case p == nil:
		return err
	case lead:
		w.lead(p)
	default:
		<-p.done
	}
	return p.err
}

// batch adds what encode appends to a batch, and reports whether the caller has
// to lead it. The batch is nil if there is nothing to send.
func (w *writer) batch(events int, encode func(dst []byte) ([]byte, error)) (p *parcel, lead bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return nil, false, w.err
	}
	p = w.tail
	lead = p == nil || p.taken
	if lead {
		p = &parcel{buf: w.spare[:0], done: make(chan struct{})}
		w.spare = nil
		if w.tail != nil {
			p.turn = w.tail.done
		}
	}
	buf, err := encode(p.buf)
	if err != nil || len(buf) == len(p.buf) {
		if lead {
			w.spare = p.buf
		}
		return nil, false, err
	}
	p.buf = buf
	p.events += events
	w.tail = p
	return p, lead, nil
}

// lead waits for the parcel's turn and sends it.
func (w *writer) lead(p *parcel) {
	if p.turn != nil {
		<-p.turn
	}
	w.mu.Lock()
	p.taken = true
	conn, err := w.conn, w.err
	w.mu.Unlock()
	if err == nil {
		err = w.send(conn, p.events, p.buf)
	}
	p.err = err
	w.mu.Lock()
	if w.spare == nil && cap(p.buf) <= maxSpare {
		w.spare = p.buf[:0]
	}
	p.buf = nil
	if w.tail == p {
		w.tail = nil
	}
	w.mu.Unlock()
	close(p.done)
}

// send writes the chunks and flushes them. The caller is the only one who
// sends.
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

// put writes and flushes. A wrapper that somebody put around the connection may
// panic, maybe in the goroutine of a heartbeat, where nobody would catch it.
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

// arm has a write that begins now bounded, by another deadline than the one that
// the server has set, and returns an error after an abort.
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
		_ = conn.SetWriteDeadline(due) // what cannot be bounded is sent all the same
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

// bounds reports whether the deadline is right for a write that begins at start.
func (w *writer) bounds(start time.Time) bool {
	if w.timeout <= 0 {
		return w.due.IsZero()
	}
	rest := w.due.Sub(start)
	return rest >= w.timeout && rest <= w.timeout+w.slack()
}

// slack is how much longer than its timeout a write may take, so that its
// deadline does for some more.
func (w *writer) slack() time.Duration {
	if !w.lazy {
		return 0
	}
	return w.timeout / 10
}

// disarm lifts the deadline of a write that is done, unless it may stay: one
// that passes while nothing is sent resets an HTTP/2 stream.
func (w *writer) disarm(conn Conn) {
	w.mu.Lock()
	w.sending = false
	stays := w.lazy && !w.aborted
	w.mu.Unlock()
	if !stays {
		w.lift(conn)
	}
}

// lift lifts the deadline, also one that an abort moves. The adapter's method is
// called without the lock. Only the goroutine that sends, or sent last, may call
// lift.
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

// overdue reports whether the write in progress has missed its deadline: what
// looks like the client's disconnect is then the server's own doing.
func (w *writer) overdue() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sending && !w.due.IsZero() && !time.Now().Before(w.due)
}

// broken latches the error of a connection and returns what it means. Not every
// protocol says that a write failed because of its deadline; the clock does.
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

// refuse makes all writes from now on fail with err. What is being sent may
// finish.
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

// close waits until nothing is sent any more, and lets go of the connection,
// whose deadline must not be in the way of the body's end. Call refuse first.
func (w *writer) close() {
	w.mu.Lock()
	p := w.tail
	w.mu.Unlock()
	if p != nil {
		<-p.done
	}
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

// past returns a time that every deadline has passed.
func past() time.Time { return time.Unix(1, 0) }
