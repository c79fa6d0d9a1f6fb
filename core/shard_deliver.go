package core

import (
	"errors"
	"fmt"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// rounds is the number of batches that a member gets before others are served.
const rounds = 4

// onSocketEvent handles the event that a member is ready again, or that its peer
// is gone.
func (s *shard) onSocketEvent(ev sock.Event) {
	slots := s.members.slots
	if int(ev.Slot) >= len(slots) || slots[ev.Slot] == nil || slots[ev.Slot].gen != ev.Gen {
		return // a late event of a member that has left
	}
	m := slots[ev.Slot]
	if ev.Gone {
		m.stream.end(ErrClientGone)
		return
	}
	if since := m.blocked; since > 0 {
		m.blocked = 0
		s.service(m)
		if m.blocked > 0 && m.lastWrite <= since {
			m.blocked = since // a kernel that is short of memory may report writable and still take nothing
		}
	}
}

// service does what a member needs: it adds the member to the shard or removes
// it, sends a page of history, and delivers new entries.
func (s *shard) service(m *member) {
	m.woken.Store(false)
	p := m.page.Swap(nil)
	if p != nil && p.sent != nil {
		defer close(p.sent)
		p.cancel()
		m.reading = nil
	}
	if m.left {
		if p != nil {
			m.finish()
		}
		return
	}
	if err := m.stream.Err(); err != nil {
		s.sendClosing(m, err)
		s.removeMember(m, lost(err))
		return
	}
	if !m.joined {
		if err := s.addMember(m); err != nil {
			m.stream.end(fmt.Errorf("tidings: connection: %w", err))
			return
		}
	}
	if m.blocked == 0 {
		s.flush(m)
	}
	if m.stream.drainAnnounced() {
		m.sendFarewell(m.stream.farewell())
		m.stream.end(ErrDraining)
		return
	}
	if m.stream.changing.Load() && m.reading == nil {
		s.applyChannels(m, p)
	}
	if p != nil {
		s.sendPage(m, p)
	}
	s.head = s.hub.head.Load()
	s.deliver(m)
	if m.changed && m.blocked == 0 && m.reading == nil && m.sub.atHand() {
		m.changed = false
		if m.sub.positionDue() {
			s.control(m, m.sub.positionFrame())
		}
	}
}

// sendClosing sends the last event of a stream that has ended, and what its
// dialect has for the end of a stream that ended in order, if the client has
// everything.
func (s *shard) sendClosing(m *member, reason error) {
	text := m.stream.appendLast(nil, 0)
	if m.reading == nil && len(m.rest) == 0 && m.sub.history == nil && m.sub.upToDate() {
		text = append(text, m.stream.wire().closingFor(reason)...)
	}
	if len(text) > 0 {
		m.sendFarewell(text)
	}
}

// applyChannels applies the pending channels of the stream to a member. A
// page that is about to be sent was read for the channels before, and is
// adapted.
func (s *shard) applyChannels(m *member, p *page) {
	m.changed = true
	m.delist()
	removed, skipThrough := m.sub.applyChannels()
	m.enlist()
	m.setTimeout(m.stream.stallTimeout())
	if p != nil {
		p.skipThrough = p.skipThrough.with(skipThrough)
		p.entries = m.sub.wanted(p.entries, p.skipThrough)
	}
	s.hub.detach(removed)
}

// deliver sends new entries, as far as the client takes them. It sends nothing
// more from the moment the stream is closed.
func (s *shard) deliver(m *member) {
	for range rounds {
		if m.left || m.reading != nil || m.blocked > 0 || m.woken.Load() || m.stream.changing.Load() {
			return // it is queued, or the event that it waits for queues it
		}
		if m.sub.history == nil && m.sub.cursor.Load() >= s.head || m.sub.history != nil && m.sub.awaits(s.head) {
			return
		}
		if !m.ready() {
			s.block(m)
			return
		}
		if m.sub.history != nil {
			s.read(m)
			return
		}
		l, err := s.cache(m).next(m, s.head)
		if gap := gapOf(err); gap != nil {
			s.reset(m, gap)
			continue
		}
		if err != nil {
			m.stream.end(err)
			return
		}
		l.reports = s.sampling.reports(m, l)
		last, ok := s.send(m, l)
		if !ok {
			m.sub.moveTo(max(m.sub.cursor.Load(), last))
			return
		}
		if l.conflated > 0 {
			s.tally.conflated.Add(uint64(l.conflated))
		}
		m.sub.moveTo(l.to)
		m.sub.unreportedThrough = unreported(m.sub.unreportedThrough, l.withheld, l.entries)
		if l.from == l.to {
			return
		}
	}
	m.wake()
}

// cache returns the cache for the members that are sent the same bytes.
func (s *shard) cache(m *member) *writeCache {
	if m.body&reencoded == 0 {
		return &s.caches[m.body]
	}
	key := cacheKey{m.stream.wire(), m.body.chunked()}
	c := s.dialects[key]
	if c == nil {
		if s.dialects == nil {
			s.dialects = make(map[cacheKey]*writeCache)
		}
		c = new(writeCache)
		s.dialects[key] = c
	}
	return c
}

// reset tells the client of a gap, and moves the subscriber past it.
func (s *shard) reset(m *member, gap *GapError) {
	if m.stream.wire().EndOnReset {
		m.stream.end(fmt.Errorf("%w: %w", ErrReset, gap))
		return
	}
	m.sub.goOn(gap)
	reset, err := m.sub.appendReset(nil, gap)
	if err != nil {
		m.stream.end(err)
		return
	}
	s.must(m, reset)
}

// send sends prepared entries. ok reports whether all of them were sent; last is
// the sequence number of the last entry that was sent in whole or in part, or 0.
// The rest of an entry that was sent in part is kept in m.rest.
func (s *shard) send(m *member, w write) (last uint64, ok bool) {
	if len(w.entries) == 0 {
		return 0, true
	}
	n, err := m.sendFrames(w)
	ok = s.sent(m, n, w.size, err)
	if events := w.eventsIn(n); events > 0 {
		if w.replayed {
			s.tally.replayed.Add(uint64(events))
		}
		last = w.entries[events-1].Position.Seq
		m.rest = w.restOf(events, n)
	}
	return last, ok
}

// sent records the result of a transport, and reports whether all bytes were
// sent.
func (s *shard) sent(m *member, n, size int, err error) bool {
	if n > 0 {
		m.lastWrite = m.clock(s.now)
	}
	if err != nil && !errors.Is(err, sock.ErrWouldBlock) {
		m.stream.end(fmt.Errorf("%w: %w", ErrClientGone, err))
		return false
	}
	if n == size {
		return true
	}
	s.block(m)
	return false
}

// block records that a member takes nothing, until the event that it is ready.
func (s *shard) block(m *member) {
	m.blocked = m.clock(s.now)
	if err := m.awaitReady(s); err != nil {
		m.stream.end(fmt.Errorf("tidings: connection: %w", err))
	}
}

// flush sends the rest of a write that was cut short.
func (s *shard) flush(m *member) {
	if len(m.rest) == 0 {
		return
	}
	rest := m.rest
	m.rest = nil
	s.sendBytes(m, rest)
}

// control sends text that is not an event, such as a heartbeat or a position. It
// does nothing while the client takes no bytes: a heartbeat is not needed then.
func (s *shard) control(m *member, text []byte) {
	if len(text) > 0 && !m.left && m.blocked == 0 {
		s.sendBytes(m, m.encode(text))
	}
}

// must sends text, after the bytes that still wait to be sent.
func (s *shard) must(m *member, text []byte) {
	if m.blocked > 0 {
		m.rest = append(append([]byte(nil), m.rest...), m.encode(text)...)
		return
	}
	s.control(m, text)
}

// sendBytes sends encoded bytes, and keeps those that cannot be sent now.
func (s *shard) sendBytes(m *member, bytes []byte) {
	n, err := m.sendControl(bytes)
	if n = max(n, 0); !s.sent(m, n, len(bytes), err) {
		m.rest = bytes[n:]
	}
}
