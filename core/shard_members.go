package core

import (
	"time"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// members holds the streams that a shard drives.
type members struct {
	slots []*member // by slot; nil if the slot is free
	free  []int32
	gen   int32     // newest generation; it tells late events for a former member of a slot
	set   *sock.Set // nil until the first socket joins

	timer  *time.Timer
	period time.Duration // between checks of heartbeats and deadlines; 0 means none
}

// addMember adds a member to the shard.
func (s *shard) addMember(m *member) error {
	all := &s.members
	if n := len(all.free); n > 0 {
		m.slot, all.free = all.free[n-1], all.free[:n-1]
	} else {
		m.slot = int32(len(all.slots)) //nolint:gosec // There are not that many streams.
		all.slots = append(all.slots, nil)
	}
	all.slots[m.slot] = m
	all.gen++
	m.gen = all.gen
	m.enlist()
	m.joined = true
	// Spread the heartbeats of streams that open together.
	m.lastWrite = m.clock(s.now) - upTo(m.stream.gate.cfg.Heartbeat/2)
	s.tickFor(m.stream.gate)
	return m.join(s)
}

// sockets returns the set of the members' sockets, and makes it if there is
// none.
func (s *shard) sockets() (*sock.Set, error) {
	if s.members.set != nil {
		return s.members.set, nil
	}
	set, err := sock.NewSet()
	if err != nil {
		return nil, err //nolint:wrapcheck // It says what it is.
	}
	s.members.set = set
	s.mu.Lock()
	s.watchers++
	s.mu.Unlock()
	go s.watch(set)
	return set, nil
}

// removeMember closes the transport of a member whose stream has ended.
func (s *shard) removeMember(m *member, discard bool) {
	m.left = true
	m.close(discard)
	m.rest = nil
	if m.joined {
		m.delist()
		all := &s.members
		all.slots[m.slot] = nil
		all.free = append(all.free, m.slot)
		if len(all.free) == len(all.slots) {
			s.lastLeft()
		}
	}
	if m.reading == nil {
		m.finish()
		return
	}
	m.reading.cancel()
}

// lastLeft releases what only members need.
func (s *shard) lastLeft() {
	m := &s.members
	if m.set != nil {
		_ = m.set.Close()
	}
	if m.timer != nil {
		m.timer.Stop()
	}
	// Events for the members may still arrive: the next members have other
	// generations.
	*m = members{gen: m.gen}
}

// watch queues the socket events of a set for the shard, until the set is
// closed.
func (s *shard) watch(set *sock.Set) {
	var events []sock.Event
	for {
		var err error
		if events, err = set.Wait(events[:0]); err != nil {
			s.mu.Lock()
			s.watchers--
			s.quiet.Broadcast()
			s.mu.Unlock()
			return
		}
		s.enqueue(func(w *work) { w.events = append(w.events, events...) })
	}
}

// tickFor makes the shard check often enough for a gate's heartbeats and
// deadlines: they are late by an eighth at most.
func (s *shard) tickFor(g *Gate) {
	period := time.Duration(0)
	for _, d := range []time.Duration{g.cfg.Heartbeat, g.cfg.WriteTimeout} {
		if d <= 0 {
			continue // zero means never
		}
		if d = max(d/8, 5*time.Millisecond); period == 0 || d < period {
			period = d
		}
	}
	m := &s.members
	if period == 0 || m.period != 0 && m.period <= period {
		return
	}
	m.period = period
	if m.timer != nil {
		m.timer.Stop()
	}
	m.timer = time.AfterFunc(period, func() { s.enqueue(func(w *work) { w.tick = true }) })
}

// tick ends streams whose client has taken nothing for too long, and sends
// heartbeats on streams that were silent for too long.
func (s *shard) tick() {
	all := &s.members
	if all.timer == nil {
		return
	}
	for _, m := range all.slots {
		if m == nil {
			continue
		}
		cfg := &m.stream.gate.cfg
		now := m.clock(s.now)
		switch {
		case m.woken.Load(): // it may have ended: nothing follows a farewell
		case m.blocked > 0:
			if limit := m.stream.stallTimeout(); limit > 0 && now-m.blocked >= limit {
				m.stream.end(ErrWriteTimeout)
			}
		case cfg.Heartbeat > 0 && now-m.lastWrite >= cfg.Heartbeat && m.ready():
			s.control(m, m.sub.heartbeat(m.reading == nil))
		}
	}
	all.timer.Reset(all.period)
}
