package core

import (
	"sync"
	"time"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// response is a member that is sent as a response, by the goroutine of its
// adapter: the shard hands over what to send, and the goroutine writes it.
// Entries are handed over one write at a time, so that further ones stay in the
// rings while the client takes nothing.
type response struct {
	member

	out *writer

	// mu guards the fields below. shard.mu may be taken under it.
	mu       sync.Mutex
	news     sync.Cond // signalled when next, closed or finished changes; its L is &mu
	next     *scratch  // its frames are what to send next; nil if there is nothing
	events   int       // the number of events among them
	reports  []report  // what to tell observers of them
	timeout  time.Duration
	sending  bool // the goroutine writes
	awaited  bool // the shard waits until ready
	closed   bool // nothing is handed over any more
	finished bool // the shard does not use the member any more
}

// newResponse returns a member for a stream. Its prelude, with a number of
// events, is what it sends first.
func newResponse(s *Stream, out *writer, prelude []byte, events int) *response {
	r := &response{out: out, timeout: out.timeout, next: s.gate.hub.newScratch(), events: events}
	r.transport, r.sub, r.stream, r.filter = r, s.sub, s, s.filter()
	r.body = s.wire().body(false)
	r.news.L = &r.mu
	r.next.frames = append(r.next.frames, prelude)
	return r
}

// run has a shard drive the member, and writes what the shard hands over. It
// returns when the stream has ended and the shard does not use the member any
// more.
func (r *response) run() {
	r.stream.setOwner(&r.member)
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		for r.next == nil && !r.closed {
			r.news.Wait()
		}
		if r.next == nil {
			break
		}
		next, events, reports := r.next, r.events, r.reports
		r.next, r.events, r.reports, r.sending = nil, 0, nil, true
		r.out.timeout = r.timeout
		r.mu.Unlock()
		err := r.out.send(r.out.conn, events, next.frames...)
		batch{scratch: next}.release()
		if err == nil {
			r.sub.hub.observeDelivered(reports)
		}
		r.mu.Lock()
		r.sending = false
		if err != nil { // the writer has ended the stream
			r.drop()
		}
		r.tellReady()
	}
	for !r.finished {
		r.news.Wait()
	}
}

// tellReady queues the event that the shard waits for, if the response is ready.
// The caller holds r.mu.
func (r *response) tellReady() {
	if r.awaited && !r.busy() {
		r.awaited = false
		ev := sock.Event{Slot: r.slot, Gen: r.gen}
		r.shard().enqueue(func(w *work) { w.events = append(w.events, ev) })
	}
}

// busy reports whether something is left to write. The caller holds r.mu.
func (r *response) busy() bool { return r.sending || r.next != nil }

// sendFarewell hands over a chunk that the goroutine still sends after close.
func (r *response) sendFarewell(chunk []byte) {
	if len(chunk) > 0 {
		_, _ = r.sendControl(chunk)
	}
}

// drop drops what was handed over. The caller holds r.mu.
func (r *response) drop() {
	if r.next != nil {
		batch{scratch: r.next}.release()
		r.next, r.events, r.reports = nil, 0, nil
	}
}

// join does nothing: the goroutine ends the stream when a write fails, and the
// adapter's framework tells when the client is gone.
func (r *response) join(*shard) error { return nil }

func (r *response) ready() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.busy()
}

// sendFrames hands over the frames of entries, or nothing if the response is not
// ready. The writer counts them.
func (r *response) sendFrames(w write) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy() {
		return 0, sock.ErrWouldBlock
	}
	r.next = r.sub.hub.newScratch()
	r.next.frames = append(r.next.frames, w.frames...) // w.bytes belongs to the shard
	r.events, r.reports = len(w.entries), w.reports
	r.news.Signal()
	return w.size, nil
}

// sendControl hands over a chunk, which is sent after what was handed over
// before. The response keeps the chunk until it is sent.
func (r *response) sendControl(chunk []byte) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = r.sub.hub.newScratch()
	}
	r.next.frames = append(r.next.frames, chunk)
	r.news.Signal()
	return len(chunk), nil
}

func (r *response) awaitReady(*shard) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.awaited = true
	r.tellReady()
	return nil
}

// encode returns text: the framework frames the body.
func (r *response) encode(text []byte) []byte { return text }

func (r *response) setTimeout(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timeout = d
}

func (r *response) close(discard bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if discard {
		r.drop()
	}
	r.news.Signal()
}

// finish lets the adapter's goroutine finish the stream.
func (r *response) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finished = true
	r.news.Signal()
}
