package core

import (
	"time"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// members are the connections that a shard owns.
type members struct {
	slots []*hijackedConn // nil where free
	free  []int32
	gen   int32     // the newest; told with every event, so that a late one for a slot's former owner is known
	set   *sock.Set // nil while there are none

	timer  *time.Timer
	period time.Duration // between looks for heartbeats and deadlines; 0 means none
}

// addConn makes a connection the shard's own.
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
	// Those who came together need not be sent heartbeats together.
	o.lastWrite = o.clock(s.now) - upTo(o.stream.gate.cfg.Heartbeat/2)
	s.tickFor(o.stream.gate)
	return m.set.Add(o.sock, o.slot, o.gen) //nolint:wrapcheck // It says what it is.
}

// removeConn closes a connection whose stream has ended, and has the stream
// finished.
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

// lastLeft lets go of what only members need.
func (s *shard) lastLeft() {
	m := &s.members
	_ = m.set.Close()
	if m.timer != nil {
		m.timer.Stop()
	}
	// Events of this set may still be on their way: the next one's members have
	// other generations.
	*m = members{gen: m.gen}
}

// watch passes on what happens to the sockets of a set, until it is closed.
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

// tickFor has the shard look often enough for a gate's heartbeats and
// deadlines: late by an eighth at most.
func (s *shard) tickFor(g *Gate) {
	period := time.Duration(0)
	for _, d := range []time.Duration{g.cfg.Heartbeat, g.cfg.WriteTimeout} {
		if d <= 0 {
			continue // never
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

// tick ends the connections that have taken nothing for too long, and sends
// heartbeats to those that were silent for too long.
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
