package core

import (
	"math/rand/v2"
	"slices"
	"time"
)

// sampling chooses what a round of a shard reports to observers. Only the
// shard's goroutine uses it.
type sampling struct {
	on     bool     // some observer wants deliveries
	member *member  // whose next write is the round's sample; nil once there is one
	told   []uint64 // sequence numbers of the events with a trace that the round has reported
}

// report is an entry to be reported once it is written.
type report struct {
	entry   *Entry
	sampled bool
}

// sampleRound begins a round that serves the subscribers of the dirty channels.
func (s *shard) sampleRound(dirty []*channel) {
	all := s.hub.observing()
	s.sampling.on = slices.ContainsFunc(all, func(o *Observer) bool { return o.Delivered != nil })
	s.sampling.member, s.sampling.told = nil, s.sampling.told[:0]
	if !s.sampling.on || len(dirty) == 0 {
		return
	}
	members := dirty[rand.IntN(len(dirty))].shards[s.index].members //nolint:gosec // A sample needs no secret.
	if len(members) > 0 {
		s.sampling.member = members[rand.IntN(len(members))].m //nolint:gosec // The same.
	}
}

// reports returns what to report of a write to a member.
func (s *sampling) reports(m *member, w write) (due []report) {
	if !s.on || len(w.entries) == 0 {
		return nil
	}
	if s.member == m {
		s.member = nil
		due = append(due, report{entry: w.entries[0], sampled: true})
	}
	if !w.traced {
		return due
	}
	for _, e := range w.entries {
		if e.Trace() == "" || slices.Contains(s.told, e.Seq()) {
			continue
		}
		s.told = append(s.told, e.Seq())
		if len(due) == 0 || due[0].entry != e {
			due = append(due, report{entry: e})
		}
	}
	return due
}

// observeDelivered reports entries that were written.
func (h *Hub) observeDelivered(due []report) {
	if len(due) == 0 {
		return
	}
	defer h.contain()
	for _, r := range due {
		d := Delivered{
			Sampled: r.sampled, Channel: r.entry.Channel, ID: r.entry.ID(), Trace: r.entry.Trace(),
			Published: r.entry.Time, Took: max(time.Since(r.entry.Time), 0),
		}
		for _, o := range h.observing() {
			if o.Delivered != nil {
				o.Delivered(d)
			}
		}
	}
}
