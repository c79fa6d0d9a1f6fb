package natsstore

import (
	"fmt"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// apply adds messages to the index, and delivers them if it is that of the store.
func (s *Store) apply(x *index, run []streamMsg) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.wakeMoved()
	entries := make([]*history.Entry, 0, len(run))
	defer func() { s.deliver(x, entries) }()
	for _, m := range run {
		switch {
		case m.seq <= x.seq:
			continue
		case x.loaded && m.seq != x.seq+1:
			return fmt.Errorf("%w: messages were removed before they were read", s.stale())
		}
		x.passed(m.seq, m.stamp)
		if m.subject == s.subjects.epoch() {
			s.deliver(x, entries)
			entries = entries[:0]
			if err := s.turn(x, m); err != nil {
				return err
			}
			continue
		}
		if e := s.take(x, m); e != nil {
			entries = append(entries, e)
		}
	}
	return nil
}

// stale makes the next tail read the whole stream. The caller holds s.mu.
func (s *Store) stale() error {
	s.created = time.Time{}
	return errAgain
}

// take adds one message to the index.
func (s *Store) take(x *index, m streamMsg) *history.Entry {
	at := x.at(m.seq)
	x.head = at.Seq
	one, err := parseMessage(m.data)
	if err != nil || at.Epoch == 0 || x.recent.repeats(one) {
		return nil
	}
	if c := x.channels[one.record.Channel]; c != nil {
		one.record.Channel = c.name // one string for all
	}
	e := x.add(one.record, at, m.seq, m.stamp)
	x.settle(one.record.Channel, time.Now())
	if one.call.writer == s.writer {
		if c := s.calls[one.call.number]; c != nil {
			c.took(e, one.part)
		}
	}
	return e
}

// turn goes on in the epoch of a message.
func (s *Store) turn(x *index, m streamMsg) error {
	for _, one := range x.segments {
		if one.From >= m.seq {
			return nil // it is known: it was read first
		}
	}
	begun, err := parseEpoch(m.data)
	if err != nil {
		return err
	}
	before := x.newest()
	if begun.Origin != x.origin {
		return s.stale()
	}
	next := new(order)
	next.begin(begun, m.seq)
	if last := next.last(); !next.epochs.Knows(before) || last.Base+last.Skip < before.Seq {
		return s.stale()
	}
	x.begin(begun, m.seq)
	x.head = x.at(m.seq).Seq
	x.cutOff()
	if x == s.index {
		s.restarted(x.newest(), false)
	}
	return nil
}

// deliver hands entries to the sinks. The caller holds s.mu.
func (s *Store) deliver(x *index, entries []*history.Entry) {
	if x != s.index || len(entries) == 0 {
		return
	}
	for _, sink := range s.sinks {
		sink.Deliver(entries)
	}
}

// restarted tells the sinks of another epoch. The caller holds s.mu.
func (s *Store) restarted(at history.Position, lost bool) {
	for _, sink := range s.sinks {
		if k, ok := sink.(history.EpochSink); ok {
			k.Restarted(at, lost)
		}
	}
}
