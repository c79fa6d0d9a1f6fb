package core

import (
	"sync/atomic"
	"time"
)

// pump sends the subscriber's events until the stream ends, and returns the
// reason. No other goroutine sends on the stream. News, a change of channels,
// the end and a due heartbeat all wake the subscriber.
func (s *Stream) pump(out *writer) error {
	sub := s.sub
	s.mu.Lock()
	sub.listen() // from here on, other goroutines can wake it
	s.mu.Unlock()
	keep := s.filter()
	var beat heartbeatTimer
	if every := s.gate.cfg.Heartbeat; every > 0 {
		beat.start(every, sub.notify)
		defer beat.stop()
	}
	changed := false
	for {
		if s.changing.Load() {
			s.pumpChange(out)
			changed = true
		}
		sent, err := s.pumpBatch(out, keep)
		if err != nil {
			return err
		}
		if s.isDraining() {
			if err := s.put(out, 0, s.farewell()); err != nil {
				return err
			}
			return ErrDraining
		}
		if sent {
			continue
		}
		if changed && sub.positionDue() {
			if err := s.put(out, 0, sub.positionFrame()); err != nil {
				return err
			}
		}
		changed = changed && !sub.atHand()
		if beat.due(out.silence) {
			if err := s.put(out, 0, sub.heartbeat(true)); err != nil {
				return err
			}
		}
		<-sub.wake
	}
}

// isDraining reports whether the stream was asked to finish, or has ended.
func (s *Stream) isDraining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drainNoticed
}

// heartbeatTimer tells when a heartbeat is due.
type heartbeatTimer struct {
	every time.Duration
	timer *time.Timer // nil: never
	fired atomic.Bool // the timer fired since due last looked
}

// start starts the timer; it calls wake when a heartbeat may be due.
func (h *heartbeatTimer) start(every time.Duration, wake func()) {
	h.every = every
	h.timer = time.AfterFunc(every, func() {
		h.fired.Store(true)
		wake()
	})
}

func (h *heartbeatTimer) stop() { h.timer.Stop() }

// due reports whether a heartbeat is due. silence returns the time since the
// last write.
func (h *heartbeatTimer) due(silence func() time.Duration) bool {
	if !h.fired.Load() {
		return false
	}
	h.fired.Store(false)
	wait := h.every - silence()
	beat := wait <= 0
	if beat {
		wait = h.every
	}
	h.timer.Reset(wait)
	return beat
}

// pumpChange applies the pending change of channels.
func (s *Stream) pumpChange(out *writer) {
	sub := s.sub
	r := sub.applyChannels()
	for _, c := range r.removed {
		c.shards[sub.shard].remove(sub)
	}
	for _, c := range r.added {
		c.shards[sub.shard].add(sub)
	}
	s.gate.hub.detach(r.removed)
	out.timeout = s.stallTimeout()
}

// filter returns the stream's filter, or nil.
func (s *Stream) filter() func(Delivery) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rareCopy().filter
}

// pumpBatch sends the next batch of entries, those that the filter lets
// through. It reports whether there may be more.
func (s *Stream) pumpBatch(out *writer, keep func(Delivery) bool) (more bool, err error) {
	sub := s.sub
	begins := sub.history != nil && !sub.history.Follows()
	b, err := sub.next(s.Context())
	if gap := gapOf(err); gap != nil {
		sub.goOn(gap)
		reset, resetErr := sub.appendReset(nil, gap)
		if resetErr != nil {
			return false, resetErr
		}
		return true, s.put(out, 0, reset)
	}
	if err != nil {
		return false, err
	}
	defer b.release()
	frames := s.frames(b, keep)
	switch {
	case len(frames) > 0:
		err = s.put(out, len(frames), frames...)
	case begins && sub.begun():
		err = s.put(out, 0, sub.positionFrame())
	}
	return len(b.entries) > 0, err
}

// frames returns the wire form of the entries that are for the stream. It is
// valid until the batch is released.
func (s *Stream) frames(b batch, keep func(Delivery) bool) [][]byte {
	if len(b.entries) == 0 {
		return nil
	}
	frames := b.scratch.frames
	stays := s.stays()
	var withheld uint64
	var sent []*Entry // the last one
	for i, e := range b.entries {
		if (stays == nil || stays(e)) && s.lets(e, keep) {
			frames = append(frames, e.Frame())
			sent = b.entries[i : i+1]
		} else {
			withheld = e.Position.Seq
		}
	}
	s.sub.unreportedThrough = unreported(s.sub.unreportedThrough, withheld, sent)
	b.scratch.frames = frames
	return frames
}

// lets reports whether an entry is for the stream: it is in the entry's
// audience, and keep, its filter, lets the event through.
func (s *Stream) lets(e *Entry, keep func(Delivery) bool) bool {
	return s.inAudience(e.To) && (keep == nil || keep(deliveryOf(e)))
}

// put sends chunks on a stream that the hub drives.
func (s *Stream) put(out *writer, events int, chunks ...[]byte) error {
	if err := s.Err(); err != nil {
		return err
	}
	return out.send(out.conn, events, chunks...)
}

// farewell returns a retry field for the client of a draining stream. The time
// is random, so that clients do not reconnect all at once.
func (s *Stream) farewell() []byte {
	retry := s.retry()
	return AppendRetry(nil, retry+upTo(retry))
}
