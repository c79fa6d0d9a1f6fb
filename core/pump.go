package core

import (
	"errors"
	"time"
)

// pump sends what a subscriber gets until the stream ends, and returns why it
// does. It is the only one who sends on the stream.
func (s *Stream) pump(sub *subscriber) error {
	var beat <-chan time.Time // nil: never
	var timer *time.Timer
	s.mu.Lock()
	keep := s.filter
	s.mu.Unlock()
	every := s.gate.cfg.Heartbeat
	if every > 0 {
		timer = time.NewTimer(every)
		defer timer.Stop()
		beat = timer.C
	}
	for {
		sent, err := s.pumpBatch(sub, keep)
		if err != nil {
			return err
		}
		select {
		case <-s.notice:
			return s.farewell()
		default:
		}
		if sent {
			continue
		}
		select {
		case <-s.notice:
		case <-sub.wake:
		case <-beat:
			wait := every - s.silence()
			if wait <= 0 {
				if err := s.put(0, AppendComment(nil, "")); err != nil {
					return err
				}
				wait = every
			}
			timer.Reset(wait)
		}
	}
}

// pumpBatch sends what there is for the subscriber and keep lets through, and
// reports whether there may be more.
func (s *Stream) pumpBatch(sub *subscriber, keep func(Event) bool) (more bool, err error) {
	b, err := sub.next(s.ctx)
	if gap := (*GapError)(nil); errors.As(err, &gap) {
		sub.restart()
		reset, err := sub.appendReset(nil, gap)
		if err != nil {
			return false, err
		}
		return true, s.put(0, reset)
	}
	if err != nil {
		return false, err
	}
	defer b.release()
	frames := b.frames(keep)
	if len(frames) > 0 {
		err = s.put(len(frames), frames...)
	}
	return len(b.entries) > 0, err
}

// frames returns what the entries that a filter lets through look like on the
// wire. It is valid until the batch is released.
func (b batch) frames(keep func(Event) bool) [][]byte {
	if len(b.entries) == 0 {
		return nil
	}
	frames := b.scratch.frames
	for _, e := range b.entries {
		if keep == nil || keep(e.Event()) {
			frames = append(frames, e.frame)
		}
	}
	b.scratch.frames = frames
	return frames
}

// put sends chunks on a stream that the hub drives.
func (s *Stream) put(events int, chunks ...[]byte) error {
	if err := s.Err(); err != nil {
		return err
	}
	return s.out.send(s.out.conn, events, chunks...)
}

// farewell tells the client when to come back, not all at once, and ends the
// stream.
func (s *Stream) farewell() error {
	retry := s.retry()
	if err := s.put(0, AppendRetry(nil, retry+upTo(retry))); err != nil {
		return err
	}
	return ErrDraining
}
