package core

import (
	"sync/atomic"
	"time"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// hijackedConn is a subscriber's connection that a shard sends to, without a goroutine
// of its own. All but wake belongs to the shard's goroutine, except that a page
// on its way from the store has sub to itself.
type hijackedConn struct {
	sub    *subscriber
	stream *Stream
	sock   sock.Socket
	filter func(Delivery) bool

	slot, gen int32   // where the shard keeps it
	at        []int32 // where it stands in the lists of its channels

	rest      []byte        // of a write that went in part; most often it refers to an entry's frame
	blocked   time.Duration // since when the client takes nothing, on the stream's clock; 0 if it does
	lastWrite time.Duration // when something was sent last, on the stream's clock

	joined, left, replaying bool
	changed                 bool // the channels have, and the client may have to be told its position

	woken atomic.Bool
	page  atomic.Pointer[page]
}

// page is a piece of history on its way to an owned connection.
type page struct {
	replayed

	err    error
	sent   chan struct{} // closed when the shard is done with it; nil for the rest of one
	begins bool          // it is the subscriber's beginning, or some of it
	begun  bool          // some of it went already
}

// wake has the shard service the connection.
func (o *hijackedConn) wake() {
	if o.woken.Swap(true) {
		return
	}
	shard := &o.sub.hub.shards[o.sub.shard]
	shard.enqueue(func(w *work) { w.woken = append(w.woken, o) })
}

// place is where a connection stands on a channel's list, and which of its
// channels that is.
type place struct {
	o     *hijackedConn
	which int32
}

// enlist puts the connection on the lists of its channels.
func (o *hijackedConn) enlist() {
	o.at = make([]int32, len(o.sub.channels))
	for i, c := range o.sub.channels {
		in := &c.shards[o.sub.shard]
		o.at[i] = int32(len(in.owned)) //nolint:gosec // There are not that many descriptors.
		in.owned = append(in.owned, place{o, int32(i)})
		in.n.Add(1)
	}
}

// delist takes it off again. The last one of each list takes its place.
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

// clock returns the time on the stream's clock. It is never 0.
func (o *hijackedConn) clock(now time.Time) time.Duration {
	return max(now.Sub(o.sub.hub.started)-o.stream.since, 1)
}
