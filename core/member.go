package core

import (
	"sync/atomic"
	"time"
)

// member is an open subscription as its shard drives it: the subscriber, and
// the transport for its bytes. Only the shard's goroutine uses it, except for
// wake; while a page of history is read for it, the reader of the page alone uses sub.
type member struct {
	transport

	sub    *subscriber
	stream *Stream
	filter func(Delivery) bool

	slot, gen int32   // its slot in the shard, and the slot's generation
	at        []int32 // for each channel, its index in the channel's list

	rest []byte // unsent part of a write; it often refers to an entry's frame
	// Times on the stream's clock.
	blocked   time.Duration // since when the transport takes nothing; 0 if it takes data
	lastWrite time.Duration // of the last write; before the first, a random time before it joined

	reading *page // the page that is being read, or nil

	body         bodyKind
	joined, left bool
	changed      bool // its channels have changed, and the client may need its position

	woken atomic.Bool
	page  atomic.Pointer[page] // a page that was read and is not sent yet
}

// transport puts a member's bytes on the wire. There are two: a [hijackedConn],
// and a [response]. The shard's goroutine alone calls its methods. They do not
// block.
type transport interface {
	// join is called once, when the member has its slot.
	join(s *shard) error
	// ready reports whether the next entries can be sent.
	ready() bool
	// sendFrames sends the frames of entries, as far as possible now. It returns
	// sock.ErrWouldBlock if nothing can be sent.
	sendFrames(w write) (n int, err error)
	// encode returns the form in which text that is not an event is sent.
	encode(text []byte) []byte
	// sendControl sends encoded text, or what is left of something, as far as
	// possible now.
	sendControl(text []byte) (n int, err error)
	// sendFarewell encodes and sends the last text before close, or drops it if it
	// cannot be sent at once.
	sendFarewell(text []byte)
	// awaitReady queues a socket event for the shard as soon as the transport is
	// ready.
	awaitReady(s *shard) error
	// setTimeout sets how long the client may take nothing.
	setTimeout(d time.Duration)
	// close ends the transport. discard drops bytes that were not sent yet.
	close(discard bool)
	// finish is called once, after close, when neither the shard nor the reader
	// of a page uses the member any more. The transport then finishes the stream.
	finish()
}

// bodyKind says which bytes a member is sent of an entry. Members of one kind are
// sent the same bytes, unless they are reencoded.
type bodyKind uint8

const (
	inChunks  bodyKind = 1 << iota // the transport sends the body in chunks
	reencoded                      // the dialect is not the one in which entries are stored
)

func (k bodyKind) chunked() bool { return k&inChunks != 0 }

// wake makes the shard service the member. Any goroutine may call it.
func (m *member) wake() {
	if m.woken.Swap(true) {
		return
	}
	m.shard().enqueue(func(w *work) { w.woken = append(w.woken, m) })
}

// shard returns the shard that drives the member.
func (m *member) shard() *shard { return &m.sub.hub.shards[m.sub.shard] }

// place is an item of a channel's list: a member, and the index of the channel
// among the member's channels.
type place struct {
	m     *member
	which int32
}

// enlist adds the member to the lists of its channels.
func (m *member) enlist() {
	m.at = make([]int32, len(m.sub.channels))
	for i, c := range m.sub.channels {
		in := &c.shards[m.sub.shard]
		m.at[i] = int32(len(in.members)) //nolint:gosec // There are not that many streams.
		in.members = append(in.members, place{m, int32(i)})
		in.n.Add(1)
	}
}

// delist removes the member from the lists. The last item of each list takes
// its place.
func (m *member) delist() {
	for i, c := range m.sub.channels {
		in := &c.shards[m.sub.shard]
		end := len(in.members) - 1
		last := in.members[end]
		in.members[m.at[i]] = last
		last.m.at[last.which] = m.at[i]
		in.members[end] = place{}
		in.members = in.members[:end]
		in.n.Add(-1)
	}
}

// clock returns now on the stream's clock. It is never 0.
func (m *member) clock(now time.Time) time.Duration {
	return max(now.Sub(m.sub.hub.started)-m.stream.since, 1)
}
