package pgstore

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/sharedstore"
)

// Bounds of a page of the tail.
const (
	tailEvents = 512
	tailBytes  = 4 << 20
)

// catchUp delivers a page of entries, and reports whether there may be more. If
// there are none and compare is set, it looks whether the newest one is still the
// one that was delivered.
func (s *Store) catchUp(compare bool) (more bool, err error) {
	ctx, cancel := s.within(s.life)
	defer cancel()
	from := s.feed.Newest()
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
		_, err = s.pool.Exec(ctx, s.sql.diverge, bigint(last.ID), bigint(st.head), bigint(from.Seq))
		return true, err
	case last.ID == from.Epoch && st.head == from.Seq && !compare:
		return false, nil
	case last.ID == from.Epoch && s.feed.Diverged(from, st.head, page):
		return true, s.diverge(ctx, from, st)
	}
	// Of the newest partition, only rows of private channels are removed.
	log := sharedstore.Log{Epochs: st.epochs, Head: st.head, Kept: st.head / st.span * st.span}
	return s.feed.Pass(from, log, page), nil
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
