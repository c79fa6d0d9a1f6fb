package core

import (
	"errors"
	"time"
)

// pump sends what a subscriber gets until the stream ends, and returns why it
// does. It is the only one who sends on the stream.
func (s *Stream) pump(out *writer) error {
	sub, notice := s.sub, s.Draining()
	sub.listen()
	var beat <-chan time.Time // nil: never
	var timer *time.Timer
	s.mu.Lock()
	keep := s.less().filter
	s.mu.Unlock()
	every := s.gate.cfg.Heartbeat
	if every > 0 {
		timer = time.NewTimer(every)
		defer timer.Stop()
		beat = timer.C
	}
	for {
		sent, err := s.pumpBatch(out, keep)
		if err != nil {
			return err
		}
		select {
		case <-notice:
			if err := s.put(out, 0, s.farewell()); err != nil {
				return err
			}
			return ErrDraining
		default:
		}
		if sent {
			continue
		}
		select {
		case <-notice:
		case <-sub.wake:
		case <-beat:
			wait := every - out.silence()
			if wait <= 0 {
				if err := s.put(out, 0, AppendComment(nil, "")); err != nil {
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
func (s *Stream) pumpBatch(out *writer, keep func(Event) bool) (more bool, err error) {
	sub := s.sub
	first := sub.history != nil && !sub.history.follows()
	b, err := sub.next(s.Context())
	if gap := (*GapError)(nil); errors.As(err, &gap) {
		sub.restart()
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
	frames := b.frames(keep)
	switch {
	case len(frames) > 0:
		err = s.put(out, len(frames), frames...)
	case first:
		err = s.put(out, 0, sub.prime())
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
func (s *Stream) put(out *writer, events int, chunks ...[]byte) error {
	if err := s.Err(); err != nil {
		return err
	}
	return out.send(out.conn, events, chunks...)
}

// farewell returns what tells the client when to come back, not all at once.
func (s *Stream) farewell() []byte {
	retry := s.retry()
	return AppendRetry(nil, retry+upTo(retry))
}
