package core

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// rounds is how many batches one connection gets before the others have their
// turn.
const rounds = 4

// onSocketEvent takes note of an event of a member's socket.
func (s *shard) onSocketEvent(ev sock.Event) {
	m := &s.members
	if int(ev.Slot) >= len(m.slots) || m.slots[ev.Slot] == nil || m.slots[ev.Slot].gen != ev.Gen {
		return // it was on its way when its socket was closed
	}
	o := m.slots[ev.Slot]
	if ev.Gone {
		o.stream.end(ErrClientGone)
		return
	}
	if since := o.blocked; since > 0 {
		o.blocked = 0
		s.service(o)
		if o.blocked > 0 && o.lastWrite <= since {
			o.blocked = since // still: a kernel short of memory says writable, and takes nothing
		}
	}
}

// service does what a connection needs: it joins, ends, gets a page of history
// or what is new.
func (s *shard) service(o *hijackedConn) {
	o.woken.Store(false)
	p := o.page.Swap(nil)
	if p != nil && p.sent != nil {
		defer close(p.sent)
		o.replaying = false
	}
	if o.left {
		if p != nil {
			s.hub.finisher.add(o.stream.finishOwned)
		}
		return
	}
	if err := o.stream.Err(); err != nil {
		s.removeConn(o, lost(err))
		return
	}
	if !o.joined {
		if err := s.addConn(o); err != nil {
			o.stream.end(fmt.Errorf("tidings: connection: %w", err))
			return
		}
	}
	if o.blocked == 0 {
		s.flush(o)
	}
	if o.stream.drainAnnounced() {
		s.control(o, o.stream.farewell())
		o.stream.end(ErrDraining)
		return
	}
	if o.stream.changing.Load() && !o.replaying {
		s.applyChannels(o, p)
	}
	if p != nil {
		s.sendPage(o, p)
	}
	s.cache.head = s.hub.head.Load()
	s.deliver(o)
	if o.changed && o.blocked == 0 && !o.replaying && o.sub.atHand() {
		o.changed = false
		if o.sub.positionDue() {
			s.control(o, o.sub.positionFrame())
		}
	}
}

// applyChannels gives a connection the channels that its stream is to have. A page that
// is about to be sent was read for those before.
func (s *shard) applyChannels(o *hijackedConn, p *page) {
	o.changed = true
	o.delist()
	r := o.sub.applyChannels()
	o.enlist()
	o.sock.Bound(0, o.stream.ackTimeout())
	if p != nil {
		p.query.Gone, p.skipThrough = r.align(p.query.Gone), r.align(p.skipThrough)
		p.entries = slices.DeleteFunc(slices.Clone(p.entries), func(e *Entry) bool { return !wants(o.sub.channels, p.skipThrough, e) })
	}
	if len(r.removed) > 0 {
		s.hub.finisher.add(func() { s.hub.detach(r.removed) })
	}
}

// deliver sends what is new, as far as the client takes it. Nothing is sent any
// more from the moment on that somebody has closed the stream.
func (s *shard) deliver(o *hijackedConn) {
	for range rounds {
		if o.left || o.replaying || o.blocked > 0 || o.woken.Load() || o.stream.changing.Load() {
			return // what wakes it, or is about to, has it serviced in the next round
		}
		if o.sub.history != nil {
			if o.sub.awaits(s.cache.head) {
				return
			}
			o.replaying = true
			s.hub.replayer.add(o)
			return
		}
		l, err := s.cache.next(o)
		if gap := gapOf(err); gap != nil {
			s.reset(o, gap)
			continue
		}
		if err != nil {
			o.stream.end(err)
			return
		}
		last, ok := s.send(o, l)
		if !ok {
			o.sub.moveTo(max(o.sub.cursor.Load(), last))
			return
		}
		o.sub.moveTo(l.to)
		o.sub.unreportedThrough = unreported(o.sub.unreportedThrough, l.withheld, l.entries)
		if l.from == l.to {
			return
		}
	}
	o.wake()
}

// sendPage sends a page of history. What does not go is asked for again when
// the client takes more.
func (s *shard) sendPage(o *hijackedConn, p *page) {
	if gap := gapOf(p.err); gap != nil {
		s.reset(o, gap)
		return
	}
	if p.err != nil {
		o.stream.end(p.err)
		return
	}
	if o.blocked > 0 {
		s.postpone(o, p, 0)
		return
	}
	last, ok := s.sendEntries(o, p.entries)
	p.begun = p.begun || last > 0
	switch {
	case !ok:
		s.postpone(o, p, last)
	case p.begins && !p.begun && o.sub.begun():
		s.control(o, o.sub.positionFrame())
	}
}

// reset tells the client that there is a gap, and goes on behind it.
func (s *shard) reset(o *hijackedConn, gap *GapError) {
	o.sub.goOn(gap)
	reset, err := o.sub.appendReset(nil, gap)
	if err != nil {
		o.stream.end(err)
		return
	}
	s.must(o, reset)
}

// sendEntries sends entries of a page, like send.
func (s *shard) sendEntries(o *hijackedConn, entries []*Entry) (last uint64, ok bool) {
	b := batch{entries: entries, scratch: s.hub.newScratch()}
	defer b.release()
	l, err := o.prepare(b, o.sub.cursor.Load())
	if err != nil {
		o.stream.end(err)
		return 0, false
	}
	last, ok = s.send(o, l)
	if ok {
		o.sub.unreportedThrough = unreported(o.sub.unreportedThrough, l.withheld, l.entries)
	}
	return last, ok
}

// postpone takes care of what follows last in a page. The rest of a beginning
// is kept: what follows an entry may be gone on another channel. That of others
// is asked for again, and what the subscriber was not to get by then, it is not
// to get still.
func (s *shard) postpone(o *hijackedConn, p *page, last uint64) {
	if !p.query.Follows() && !p.query.Snapshot {
		i := 0
		for i < len(p.entries) && p.entries[i].Position.Seq <= last {
			i++
		}
		p.entries = p.entries[i:]
		o.page.Store(&page{replayed: p.replayed, begins: p.begins, begun: p.begun})
		return
	}
	rest := p.query
	if last > 0 {
		rest = Query{Snapshot: p.query.Snapshot, After: s.hub.position(last), Gone: p.query.Gone}
	}
	o.sub.history, o.sub.skipThrough = &rest, p.skipThrough
	if rest.Follows() {
		o.sub.moveTo(rest.After.Seq)
	}
}

// send writes what was prepared. It reports whether all of it went, and the sequence
// number of the last entry that went or was begun, if any. The rest of one that
// was begun is kept.
func (s *shard) send(o *hijackedConn, l write) (last uint64, ok bool) {
	if len(l.entries) == 0 {
		return 0, true
	}
	var n int
	var err error
	if l.frames != nil {
		n, err = o.sock.Writev(l.frames)
	} else {
		n, err = o.sock.Write(l.bytes)
	}
	ok = s.wrote(o, n, l.size, err)
	if n <= 0 {
		return 0, ok
	}
	events, left := 0, n
	for _, e := range l.entries {
		if left <= 0 {
			break
		}
		events++
		last = e.Position.Seq
		if left < len(e.Frame()) {
			o.rest = e.Frame()[left:]
		}
		left -= len(e.Frame())
	}
	o.stream.count(events, n)
	return last, ok
}

// wrote takes note of how a write went, and reports whether it went whole.
func (s *shard) wrote(o *hijackedConn, n, size int, err error) bool {
	if n > 0 {
		o.lastWrite = o.clock(s.now)
	}
	if err != nil && !errors.Is(err, sock.ErrWouldBlock) {
		o.stream.end(fmt.Errorf("%w: %w", ErrClientGone, err))
		return false
	}
	if n == size {
		return true
	}
	o.blocked = o.clock(s.now)
	if err := s.members.set.AwaitWritable(o.sock, o.slot, o.gen); err != nil {
		o.stream.end(fmt.Errorf("tidings: connection: %w", err))
	}
	return false
}

// flush sends the rest of a write that went in part.
func (s *shard) flush(o *hijackedConn) {
	if len(o.rest) == 0 {
		return
	}
	rest := o.rest
	o.rest = nil
	s.control(o, rest)
}

// control sends bytes that are no event of their own, unless something is still
// waiting to go: a heartbeat is not needed then, and a farewell would come too
// late.
func (s *shard) control(o *hijackedConn, chunk []byte) {
	if o.left || o.blocked > 0 {
		return
	}
	n, err := o.sock.Write(chunk)
	if n > 0 {
		o.stream.count(0, n)
	}
	if !s.wrote(o, max(n, 0), len(chunk), err) {
		o.rest = chunk[max(n, 0):]
	}
}

// must sends bytes, if need be after what is still waiting to go.
func (s *shard) must(o *hijackedConn, chunk []byte) {
	if o.blocked > 0 {
		o.rest = append(append([]byte(nil), o.rest...), chunk...)
		return
	}
	s.control(o, chunk)
}
