package core

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// rounds is the number of batches that a connection gets before other
// connections are served.
const rounds = 4

// onSocketEvent handles an event of a member's socket.
func (s *shard) onSocketEvent(ev sock.Event) {
	m := &s.members
	if int(ev.Slot) >= len(m.slots) || m.slots[ev.Slot] == nil || m.slots[ev.Slot].gen != ev.Gen {
		return // a late event of a socket that was closed
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
			o.blocked = since // a kernel that is short of memory may report writable and still take nothing
		}
	}
}

// service does what a connection needs: it adds the connection to the shard or
// closes it, sends a page of history, and delivers new entries.
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

// applyChannels applies the pending channels of the stream to a connection. A
// page that is about to be sent was read for the channels before, and is
// adapted.
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

// deliver sends new entries, as far as the client takes them. It sends nothing
// more from the moment the stream is closed.
func (s *shard) deliver(o *hijackedConn) {
	for range rounds {
		if o.left || o.replaying || o.blocked > 0 || o.woken.Load() || o.stream.changing.Load() {
			return // it is queued, or the event that it waits for queues it
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

// sendPage sends a page of history. Entries that cannot be sent now are sent,
// or read again, when the client takes more.
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

// reset tells the client of a gap, and moves the subscriber past it.
func (s *shard) reset(o *hijackedConn, gap *GapError) {
	o.sub.goOn(gap)
	reset, err := o.sub.appendReset(nil, gap)
	if err != nil {
		o.stream.end(err)
		return
	}
	s.must(o, reset)
}

// sendEntries sends entries of a page, with the results of send.
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

// postpone handles the entries of a page after last, which could not be sent.
// Those of the first page of Earliest or Last are kept, because a query after
// one entry may find entries of another channel gone. Those of other pages are
// read again, with the skipThrough of the page, so that skipped entries stay
// skipped.
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

// send writes prepared entries. ok reports whether all of them were written;
// last is the sequence number of the last entry that was written in whole or in
// part, or 0. The rest of an entry that was written in part is kept in o.rest.
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

// wrote records the result of a write, and reports whether all of it was
// written.
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

// flush sends the rest of a write that was cut short.
func (s *shard) flush(o *hijackedConn) {
	if len(o.rest) == 0 {
		return
	}
	rest := o.rest
	o.rest = nil
	s.control(o, rest)
}

// control sends bytes that are not an event, such as a heartbeat or a farewell.
// It does nothing while the client takes no bytes: a heartbeat is not needed
// then, and a farewell would come too late.
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

// must sends bytes, after those that still wait to be sent.
func (s *shard) must(o *hijackedConn, chunk []byte) {
	if o.blocked > 0 {
		o.rest = append(append([]byte(nil), o.rest...), chunk...)
		return
	}
	s.control(o, chunk)
}
