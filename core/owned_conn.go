package core

import (
	"sync/atomic"
	"time"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// hijackedConn is a subscriber's connection that a shard sends to, without a
// goroutine of its own. Only the shard's goroutine uses it, except for wake;
// while a page of history is on its way from the store, the replayer alone uses
// sub.
type hijackedConn struct {
	sub    *subscriber
	stream *Stream
	sock   sock.Socket
	filter func(Delivery) bool

	slot, gen int32   // its slot in the shard, and the slot's generation
	at        []int32 // for each channel, its index in the channel's list

	rest []byte // unsent part of a write; it often refers to an entry's frame
	// Times on the stream's clock.
	blocked   time.Duration // since when the client takes nothing; 0 if it takes data
	lastWrite time.Duration // of the last write; before the first, a random time before it joined

	joined, left, replaying bool
	changed                 bool // its channels have changed, and the client may need its position

	woken atomic.Bool
	page  atomic.Pointer[page]
}

// page is a page of history on its way to a hijacked connection.
type page struct {
	replayed

	err    error
	sent   chan struct{} // closed when the shard is done with the page; nil for the rest of one
	begins bool          // it is part of the subscriber's beginning
	begun  bool          // part of it was sent already
}

// wake makes the shard service the connection. Any goroutine may call it.
func (o *hijackedConn) wake() {
	if o.woken.Swap(true) {
		return
	}
	shard := &o.sub.hub.shards[o.sub.shard]
	shard.enqueue(func(w *work) { w.woken = append(w.woken, o) })
}

// place is an item of a channel's list: a connection, and the index of the
// channel among the connection's channels.
type place struct {
	o     *hijackedConn
	which int32
}

// enlist adds the connection to the lists of its channels.
func (o *hijackedConn) enlist() {
	o.at = make([]int32, len(o.sub.channels))
	for i, c := range o.sub.channels {
		in := &c.shards[o.sub.shard]
		o.at[i] = int32(len(in.owned)) //nolint:gosec // There are not that many descriptors.
		in.owned = append(in.owned, place{o, int32(i)})
		in.n.Add(1)
	}
}

// delist removes the connection from the lists. The last item of each list
// takes its place.
func (o *hijackedConn) delist() {
	for i, c := range o.sub.channels {
		in := &c.shards[o.sub.shard]
		end := len(in.owned) - 1
		last := in.owned[end]
		in.owned[o.at[i]] = last
		last.o.at[last.which] = o.at[i]
		in.owned[end] = place{}
		in.owned = in.owned[:end]
		in.n.Add(-1)
	}
}

// clock returns now on the stream's clock. It is never 0.
func (o *hijackedConn) clock(now time.Time) time.Duration {
	return max(now.Sub(o.sub.hub.started)-o.stream.since, 1)
}
