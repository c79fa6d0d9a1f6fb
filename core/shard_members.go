package core

import (
	"time"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// members holds the connections that a shard owns.
type members struct {
	slots []*hijackedConn // by slot; nil if the slot is free
	free  []int32
	gen   int32     // newest generation; it tells late events for a former connection of a slot
	set   *sock.Set // nil while there are no connections

	timer  *time.Timer
	period time.Duration // between checks of heartbeats and deadlines; 0 means none
}

// addConn adds a connection to the shard.
func (s *shard) addConn(o *hijackedConn) error {
	m := &s.members
	if m.set == nil {
		set, err := sock.NewSet()
		if err != nil {
			return err //nolint:wrapcheck // It says what it is.
		}
		m.set = set
		s.mu.Lock()
		s.watchers++
		s.mu.Unlock()
		go s.watch(set)
	}
	if n := len(m.free); n > 0 {
		o.slot, m.free = m.free[n-1], m.free[:n-1]
	} else {
		o.slot = int32(len(m.slots)) //nolint:gosec // There are not that many descriptors.
		m.slots = append(m.slots, nil)
	}
	m.slots[o.slot] = o
	m.gen++
	o.gen = m.gen
	o.enlist()
	o.joined = true
	// Spread the heartbeats of connections that arrive together.
	o.lastWrite = o.clock(s.now) - upTo(o.stream.gate.cfg.Heartbeat/2)
	s.tickFor(o.stream.gate)
	return m.set.Add(o.sock, o.slot, o.gen) //nolint:wrapcheck // It says what it is.
}

// removeConn closes a connection whose stream has ended, and queues the stream
// to be finished.
func (s *shard) removeConn(o *hijackedConn, discard bool) {
	o.left = true
	if discard {
		_ = o.sock.Reset()
	} else {
		_ = o.sock.Close()
	}
	o.rest = nil
	if o.joined {
		o.delist()
		m := &s.members
		m.slots[o.slot] = nil
		m.free = append(m.free, o.slot)
		if len(m.free) == len(m.slots) {
			s.lastLeft()
		}
	}
	if !o.replaying {
		s.hub.finisher.add(o.stream.finishOwned)
	}
}

// lastLeft releases what only members need.
func (s *shard) lastLeft() {
	m := &s.members
	_ = m.set.Close()
	if m.timer != nil {
		m.timer.Stop()
	}
	// Events of the old set may still arrive: the next members have other
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

// tick ends connections whose client has taken nothing for too long, and sends
// heartbeats on connections that were silent for too long.
func (s *shard) tick() {
	m := &s.members
	if m.timer == nil {
		return
	}
	for _, o := range m.slots {
		if o == nil {
			continue
		}
		cfg := &o.stream.gate.cfg
		now := o.clock(s.now)
		switch {
		case o.blocked > 0:
			if limit := o.stream.stallTimeout(); limit > 0 && now-o.blocked >= limit {
				o.stream.end(ErrWriteTimeout)
			}
		case cfg.Heartbeat > 0 && now-o.lastWrite >= cfg.Heartbeat:
			s.control(o, o.sub.heartbeat(!o.replaying))
		}
	}
	m.timer.Reset(m.period)
}
