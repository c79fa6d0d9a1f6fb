package natsstore

import (
	"context"
	"encoding/json"
	"strconv"
)

// beginFirst begins the first epoch of a storage that is new, or was emptied. What
// is in the stream is removed. head is larger than all that was ever delivered
// here, or 0.
func (s *Store) beginFirst(ctx context.Context, l look, head uint64) error {
	old := s.current()
	if old != nil {
		head = max(head, old.head)
	}
	m := firstEpoch(l.mark, head, l.info.State.Last == 0 && old == nil)
	seq, err := s.putEpoch(ctx, m, l.at)
	if err != nil {
		return err
	}
	if seq > 1 {
		err = s.purge(ctx, s.cfg.Stream, "", seq)
	}
	if err == nil {
		err = s.purge(ctx, s.stateStream(), "", 0)
	}
	if err != nil {
		return err
	}
	_, err = s.put(ctx, s.subjects.origin(), originOf(m.Origin), expecting(0)...)
	if err != nil && !isCode(err, codeWrongLast, codeWrongLastOther) {
		return err
	}
	return errAgain
}

// beginNext begins an epoch because the stream may have lost its newest messages.
func (s *Store) beginNext(ctx context.Context, o *order, l look) error {
	head := uint64(0)
	s.mu.Lock()
	if s.index != nil {
		head = s.index.head
	}
	s.mu.Unlock()
	return s.beginNextAfter(ctx, o, l, head)
}

func (s *Store) beginNextAfter(ctx context.Context, o *order, l look, head uint64) error {
	s.mu.Lock()
	m := o.nextEpoch(l.mark, max(head, o.at(l.info.State.Last).Seq))
	s.mu.Unlock()
	if _, err := s.putEpoch(ctx, m, l.at); err != nil {
		return err
	}
	return errAgain
}

// putEpoch publishes a message that begins an epoch, if the newest is still the one
// with that number.
func (s *Store) putEpoch(ctx context.Context, m epochMessage, last uint64) (uint64, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return 0, err
	}
	seq, err := s.put(ctx, s.subjects.epoch(), data, expecting(last)...)
	if isCode(err, codeWrongLast, codeWrongLastOther) {
		return 0, errAgain // another store has begun one
	}
	if err == nil && len(m.Before) == maxSegments-1 { // what is older has no position any more
		err = s.purge(ctx, s.cfg.Stream, "", m.Before[0].From)
	}
	return seq, err
}

func originOf(origin uint64) []byte { return strconv.AppendUint(nil, origin, 10) }

// checkOrigin looks whether the state stream belongs to the stream of events. If it
// does not, what was known of channels is lost.
func (s *Store) checkOrigin(ctx context.Context, x *index) error {
	m, err := s.lastOn(ctx, s.stateStream(), s.subjects.origin())
	if err == nil && string(m.Data) == string(originOf(x.origin)) {
		s.strays = 0
		return nil
	}
	if err != nil && !isCode(err, codeMessageNotFound) {
		return err
	}
	const patience = 10 // another store may be about to write it
	if s.strays++; s.strays < patience {
		return errAgain
	}
	s.strays = 0
	l, err := s.look(ctx)
	if err != nil {
		return err
	}
	return s.beginFirst(ctx, l, x.head)
}
