package pgstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tidings-go/tidings/core/history"
)

// Bounds of a page of the tail.
const (
	tailEvents = 512
	tailBytes  = 4 << 20
)

// deliverOwn delivers what this store has appended, if all before it was
// delivered. Otherwise the tail does.
func (s *Store) deliverOwn(epoch uint64, entries []*history.Entry) {
	if len(entries) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := s.epochs.Newest(s.head); at.Epoch != epoch || entries[0].Seq() != s.head+1 {
		signal(s.news)
		return
	}
	s.deliver(entries)
}

// deliver hands entries to the sinks. The caller holds s.mu.
func (s *Store) deliver(entries []*history.Entry) {
	if len(entries) == 0 || s.closed {
		return
	}
	for _, e := range entries {
		s.trail.Add(e)
	}
	s.head = entries[len(entries)-1].Seq()
	for _, sink := range s.sinks {
		sink.Deliver(entries)
	}
}

// restart tells the sinks that the events go on after a position of another
// epoch. The caller holds s.mu.
func (s *Store) restart(epochs history.Epochs, at history.Position, lost bool) {
	s.epochs, s.head = epochs, at.Seq
	if lost {
		s.trail.Reset()
	}
	if s.closed {
		return
	}
	for _, sink := range s.sinks {
		if k, ok := sink.(history.EpochSink); ok {
			k.Restarted(at, lost)
		}
	}
}

// follow delivers what all stores append: when it is notified, and every Poll.
func (s *Store) follow() {
	pause, compare := s.cfg.Poll, false
	timer := time.NewTimer(0) // there may be news since begin
	defer timer.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case <-s.news:
		case <-timer.C:
			compare = true
		}
		more, err := s.catchUp(compare)
		compare = false
		switch {
		case s.life.Err() != nil:
			return
		case err != nil:
			_ = s.gone(err)
			pause = min(max(10*time.Millisecond, 2*pause), 500*time.Millisecond)
		default:
			_ = s.gone(nil)
			pause = s.cfg.Poll
		}
		if more {
			signal(s.news)
		}
		timer.Reset(pause)
		if err != nil && !s.rest(pause) {
			return
		}
	}
}

// catchUp delivers a page of entries, and reports whether there may be more. If
// there are none and compare is set, it looks whether the newest one is still the
// one that was delivered.
func (s *Store) catchUp(compare bool) (more bool, err error) {
	ctx, cancel := s.within(s.life)
	defer cancel()
	s.mu.Lock()
	from := s.epochs.Newest(s.head)
	s.mu.Unlock()
	st, page, err := s.readNews(ctx, from.Seq)
	if err != nil {
		return false, err
	}
	last := st.epochs[len(st.epochs)-1]
	switch {
	case !st.intact:
		_, err = s.pool.Exec(ctx, s.sql.verify)
		return true, err
	case !st.epochs.Knows(from) && last.Base+last.Skip <= from.Seq:
		// The new epoch began without knowing what was delivered here, while the
		// clock was set back.
		_, err = s.pool.Exec(ctx, s.sql.diverge, bigint(last.ID), bigint(last.Base), bigint(from.Seq))
		return true, err
	case last.ID == from.Epoch && st.head == from.Seq && !compare:
		return false, nil
	case last.ID == from.Epoch && s.diverged(from, st, page):
		return true, s.diverge(ctx, from, st)
	}
	return s.pass(from, st, page), nil
}

// readNews reads the counter row, and then entries from a sequence number on, that
// one included, up to the head that the row has.
func (s *Store) readNews(ctx context.Context, from uint64) (st state, page []*history.Entry, err error) {
	var batch pgx.Batch
	batch.Queue(s.sql.state)
	batch.Queue(s.sql.tail, tailEvents, tailBytes, bigint(from))
	results := s.pool.SendBatch(ctx, &batch)
	defer func() { err = errors.Join(err, results.Close()) }()
	if st, err = scanState(results.QueryRow()); err != nil {
		return st, nil, err
	}
	if len(st.epochs) == 0 {
		return st, nil, errStale
	}
	rows, err := results.Query()
	if err != nil {
		return st, nil, err
	}
	page, err = s.upToHead(rows, st)
	return st, page, err
}

// readTail reads entries from a sequence number on, up to the head of st.
func (s *Store) readTail(ctx context.Context, from uint64, st state) ([]*history.Entry, error) {
	rows, err := s.pool.Query(ctx, s.sql.tail, tailEvents, tailBytes, bigint(from))
	if err != nil {
		return nil, err
	}
	return s.upToHead(rows, st)
}

// upToHead reads rows up to the head of st: what is newer may be of an epoch that
// is not in it, or in a partition that the query did not know.
func (s *Store) upToHead(rows pgx.Rows, st state) ([]*history.Entry, error) {
	page, err := entries(rows, st.epochs)
	return slices.DeleteFunc(page, func(e *history.Entry) bool { return e.Seq() > st.head }), err
}

// pass delivers a page that was read when from was the newest position, and
// reports whether there may be more.
func (s *Store) pass(from history.Position, st state, page []*history.Entry) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.epochs.Newest(s.head)
	if now.Epoch != from.Epoch {
		return true
	}
	newest := len(st.epochs) - 1
	if !st.epochs.Knows(now) {
		last := st.epochs[newest]
		s.restart(st.epochs, history.Position{Epoch: last.ID, Seq: last.Base + last.Skip}, true)
		return true
	}
	full := len(page) > 0 && page[len(page)-1].Seq() < st.head
	page = slices.DeleteFunc(page, func(e *history.Entry) bool { return e.Seq() <= s.head })
	// Rows of the newest partition are removed with a private channel only, which
	// nobody misses. Others may have been removed before they were delivered.
	if next := s.head + 1; len(page) > 0 && page[0].Seq() > next && next < st.head/st.span*st.span && page[0].Position.Epoch == now.Epoch {
		s.restart(s.epochs, history.Position{Epoch: now.Epoch, Seq: page[0].Seq() - 1}, true)
	}
	i := slices.IndexFunc(st.epochs, func(e history.Epoch) bool { return e.ID == now.Epoch })
	for ; i < newest; i++ {
		next := st.epochs[i+1]
		n := 0
		for n < len(page) && page[n].Seq() <= next.Base {
			n++
		}
		s.deliver(page[:n])
		if page = page[n:]; len(page) == 0 && full {
			return true
		}
		s.restart(st.epochs[:i+2:i+2], history.Position{Epoch: next.ID, Seq: next.Base + next.Skip}, false)
	}
	s.epochs = st.epochs
	s.deliver(page)
	return full
}
