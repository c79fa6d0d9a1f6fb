package core

import "context"

// page is a page of history on its way to a member.
type page struct {
	replayed

	ctx    context.Context //nolint:containedctx // It bounds the read, which another goroutine does.
	cancel context.CancelFunc
	err    error
	sent   chan struct{} // closed when the shard is done with the page; nil for the rest of one
	begins bool          // it is part of the subscriber's beginning
	begun  bool          // part of it was sent already
}

// read starts to read the next page of history for a member. Until the page is
// handed back, the member's subscriber belongs to the goroutine that reads.
func (s *shard) read(m *member) {
	p := &page{begins: !m.sub.begun(), sent: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(s.hub.life)
	m.reading = p
	s.hub.replays.add(func() { p.read(m) })
}

// read reads the page, hands it to the member's shard, and waits until the shard
// is done with it: until then it takes memory.
func (p *page) read(m *member) {
	hub := m.sub.hub
	p.err = hub.ask(p.ctx, hub.permits, func() (err error) {
		if err = m.stream.Err(); err == nil { // the stream may have ended while it waited
			p.replayed, err = m.sub.replay(p.ctx)
		}
		return err
	})
	m.page.Store(p)
	m.wake()
	<-p.sent
}

// sendPage sends a page of history. Entries that cannot be sent now are sent,
// or read again, when the client takes more.
func (s *shard) sendPage(m *member, p *page) {
	if gap := gapOf(p.err); gap != nil {
		s.reset(m, gap)
		return
	}
	if p.err != nil {
		m.stream.end(p.err)
		return
	}
	if m.blocked > 0 {
		s.postpone(m, p, 0)
		return
	}
	last, ok := s.sendEntries(m, p.entries)
	p.begun = p.begun || last > 0
	switch {
	case !ok:
		s.postpone(m, p, last)
	case p.begins && !p.begun && m.sub.begun():
		s.control(m, m.sub.positionFrame())
	}
}

// sendEntries sends entries of a page, with the results of send.
func (s *shard) sendEntries(m *member, entries []*Entry) (last uint64, ok bool) {
	b := batch{entries: entries, scratch: s.hub.newScratch()}
	defer b.release()
	l, err := m.prepare(b, m.sub.cursor.Load())
	if err != nil {
		m.stream.end(err)
		return 0, false
	}
	l.replayed = true
	last, ok = s.send(m, l)
	if ok {
		m.sub.unreportedThrough = unreported(m.sub.unreportedThrough, l.withheld, l.entries)
	}
	return last, ok
}

// postpone handles the entries of a page after last, which could not be sent.
// Those of the first page of Earliest or Last are kept, because a query after
// one entry may find entries of another channel gone. Those of other pages are
// read again, with the skipThrough of the page, so that skipped entries stay
// skipped.
func (s *shard) postpone(m *member, p *page, last uint64) {
	if !p.query.Follows() && !p.query.Snapshot {
		i := 0
		for i < len(p.entries) && p.entries[i].Position.Seq <= last {
			i++
		}
		p.entries = p.entries[i:]
		m.page.Store(&page{replayed: p.replayed, begins: p.begins, begun: p.begun})
		return
	}
	rest := p.query
	if last > 0 {
		rest = Query{Snapshot: p.query.Snapshot, After: s.hub.position(last)}
	}
	m.sub.history, m.sub.skipThrough = &rest, p.skipThrough
	if rest.Follows() {
		m.sub.moveTo(rest.After.Seq)
	}
}
