package core

import (
	"time"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// hijackedConn is a member whose connection was taken over from its server. The
// shard writes to the socket itself, so that no goroutine waits.
type hijackedConn struct {
	member

	sock sock.Socket
}

// join adds the socket to the shard's set.
func (o *hijackedConn) join(s *shard) error {
	set, err := s.sockets()
	if err != nil {
		return err
	}
	return set.Add(o.sock, o.slot, o.gen) //nolint:wrapcheck // It says what it is.
}

// ready is always true: a write tells whether the socket takes something.
func (o *hijackedConn) ready() bool { return true }

// sendFrames writes to the socket, and counts the events that were written in
// whole or in part.
func (o *hijackedConn) sendFrames(w write) (n int, err error) {
	if w.bytes == nil {
		n, err = o.sock.Writev(w.frames)
	} else {
		n, err = o.sock.Write(w.bytes)
	}
	if n > 0 {
		o.stream.count(w.eventsIn(n), n)
		o.sub.hub.observeDelivered(w.reports)
	}
	return n, err //nolint:wrapcheck // It says what it is.
}

// sendControl writes to the socket.
func (o *hijackedConn) sendControl(text []byte) (n int, err error) {
	n, err = o.sock.Write(text)
	if n > 0 {
		o.stream.count(0, n)
	}
	return n, err //nolint:wrapcheck // It says what it is.
}

// encode makes text a chunk, if the body is chunked.
func (o *hijackedConn) encode(text []byte) []byte {
	if !o.body.chunked() || len(text) == 0 { // an empty chunk would end the body
		return text
	}
	return chunkOf(text)
}

// sendFarewell writes to the socket if all earlier bytes are written.
func (o *hijackedConn) sendFarewell(chunk []byte) {
	if o.blocked == 0 && len(o.rest) == 0 && len(chunk) > 0 {
		_, _ = o.sendControl(o.encode(chunk))
	}
}

// awaitReady registers for the event that the socket is writable.
func (o *hijackedConn) awaitReady(s *shard) error {
	return s.members.set.AwaitWritable(o.sock, o.slot, o.gen) //nolint:wrapcheck // It says what it is.
}

// setTimeout bounds how long the system waits for the client's acknowledgement.
func (o *hijackedConn) setTimeout(time.Duration) { o.sock.Bound(0, o.stream.ackTimeout()) }

// close ends the body, if all that was begun is sent, and closes the socket.
func (o *hijackedConn) close(discard bool) {
	if discard {
		_ = o.sock.Reset()
		return
	}
	if o.body.chunked() && o.blocked == 0 && len(o.rest) == 0 && !o.stream.cutsOff() {
		_, _ = o.sock.Write([]byte(endOfBody)) // the client sees a cut if it does not fit
	}
	_ = o.sock.Close()
}

// finish queues the stream to be finished.
func (o *hijackedConn) finish() {
	o.sub.hub.finisher.add(func() { o.stream.finish(true, ErrClosed) })
}
