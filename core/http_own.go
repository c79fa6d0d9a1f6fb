package core

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/sock"
)

// Own sends the stream on a connection that the adapter has taken over from its
// server. It first sends head, the response's head as it stands on the wire,
// which must announce a body in chunks if o.Chunked, and else one that ends with
// the connection; and then the body.
// Call it once, if and only if Owned; nothing else may use conn from then on.
//
// If Own returns nil, the stream goes on without conn; the adapter closes conn,
// which does not end the connection. Otherwise the adapter calls the returned
// function, which blocks until the stream has ended, and then closes conn. The
// adapter should not hide a [net.TCPConn] in a wrapper that only counts.
func (o *Opening) Own(conn net.Conn, head []byte) (run func()) {
	s := o.stream
	s.mu.Lock()
	s.hijacked = true
	s.mu.Unlock()
	s.stopWatching() // the request can be released now
	taken, err := sock.Take(conn)
	if err != nil {
		s.bound(conn, s.ackTimeout())
		s.watchConn(Request{NetConn: conn})
		return func() {
			whole := &wholeConn{conn: conn, head: head, chunked: o.Chunked}
			o.Run(whole)
			s.stopWatching() // which Run leaves to a stream that was over before
			discard := lost(s.Err())
			if !s.cutsOff() {
				whole.end()
			}
			part(conn, discard)
		}
	}
	if !s.begin() {
		_ = taken.Close()
		return nil
	}
	defer s.entered()
	taken.Bound(s.gate.cfg.MaxUnsent, s.ackTimeout())
	if err := o.enter(taken, head); err != nil {
		s.end(err)
		_ = taken.Close()
		s.finish(true, err)
	}
	return nil
}

// enter sends the prelude and hands the connection to a shard.
func (o *Opening) enter(conn sock.Socket, head []byte) error {
	s := o.stream
	if err := s.opened(); err != nil {
		return err
	}
	before, after, err := s.prelude(o.gap)
	if err != nil {
		return err
	}
	s.mu.Lock()
	events := s.handshake.greetings
	body := slices.Concat(before, s.handshake.greeting, after)
	s.handshake = nil
	owner := &hijackedConn{sock: conn}
	owner.body = s.wire().body(o.Chunked)
	owner.transport, owner.sub, owner.stream, owner.filter = owner, s.sub, s, s.rareCopy().filter
	s.mu.Unlock()
	all := slices.Concat(head, owner.encode(body))
	// A new connection accepts some kilobytes at once.
	n, err := conn.Write(all)
	if err != nil && !errors.Is(err, sock.ErrWouldBlock) {
		return fmt.Errorf("%w: %w", ErrClientGone, err)
	}
	owner.rest = all[max(n, 0):]
	if len(owner.rest) == 0 {
		owner.rest = nil
	}
	s.count(events, max(n-len(head), 0))
	s.setOwner(&owner.member)
	return nil
}

// part prepares conn for its adapter's Close, as a shard does with its own
// connections. discard drops what was not sent yet.
func part(conn net.Conn, discard bool) {
	if discard {
		// TLS would wait until its close alert is sent.
		if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
			conn = t.NetConn()
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
		return
	}
	if t, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = t.CloseWrite()
	}
	if raw := sock.Raw(conn); raw != nil {
		sock.End(raw)
	}
}

// lost reports whether a stream ended because its client takes nothing any
// more: bytes that were not sent yet are then of no use.
func lost(reason error) bool {
	return errors.Is(reason, ErrWriteTimeout) || errors.Is(reason, ErrClientGone)
}

// wholeConn is a connection that was taken over and that a goroutine of its own
// writes to. Each flush is one write, and one chunk if the body is chunked.
type wholeConn struct {
	conn    net.Conn
	head    []byte // to be sent before the body; nil once it is sent
	chunked bool
	begun   bool    // part of the body was sent, and no write has failed
	buf     []byte  // what to send, after history.HeadRoom bytes; nil if there is nothing
	room    *[]byte // the borrowed buffer behind buf
}

var _ Conn = (*wholeConn)(nil)

// rooms holds buffers that connections borrow while they send.
var rooms sync.Pool //nolint:gochecknoglobals // A pool has no visible state.

// Write buffers p for Flush.
func (c *wholeConn) Write(p []byte) (int, error) {
	if c.buf == nil {
		c.room, _ = rooms.Get().(*[]byte)
		if c.room == nil {
			c.room = new([]byte)
		}
		c.buf = slices.Grow((*c.room)[:0], history.HeadRoom)[:history.HeadRoom]
	}
	c.buf = append(c.buf, p...)
	return len(p), nil
}

// Flush sends what was written, in one write.
func (c *wholeConn) Flush() error {
	if c.buf == nil {
		return nil
	}
	bytes := c.buf[history.HeadRoom:]
	if c.chunked && len(bytes) > 0 {
		bytes = history.Chunk(c.buf)
	}
	if c.head != nil {
		bytes, c.head = slices.Concat(c.head, bytes), nil
	}
	_, err := c.conn.Write(bytes)
	c.begun = err == nil
	if cap(c.buf) <= 2*batchBytes {
		*c.room = c.buf[:0]
		rooms.Put(c.room)
	}
	c.buf, c.room = nil, nil
	if err != nil {
		return fmt.Errorf("tidings: write: %w", err)
	}
	return nil
}

// end ends a chunked body, if all of it was sent: otherwise the client should see
// a cut.
func (c *wholeConn) end() {
	if c.chunked && c.begun {
		_ = c.conn.SetWriteDeadline(time.Now().Add(endTimeout))
		_, _ = c.conn.Write([]byte(endOfBody))
	}
}

// endTimeout bounds the write of the end of a body.
const endTimeout = 5 * time.Second

// SetWriteDeadline sets the deadline of Flush.
func (c *wholeConn) SetWriteDeadline(t time.Time) error {
	if err := c.conn.SetWriteDeadline(t); err != nil {
		return fmt.Errorf("tidings: write deadline: %w", err)
	}
	return nil
}
