package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// sequenceAtOnce is about how many events of the outbox are numbered in one
	// transaction. Those of one transaction of the app stay together.
	sequenceAtOnce = 512
	// standbyPause is how often a store tries to take the place of the one that
	// numbers the outbox.
	standbyPause = time.Second
)

// sequence numbers what transactions of the app have put into the outbox. Of all
// stores, the one that holds an advisory lock does. Without sessions of its own,
// that is with PollOnly, each of them tries; the lock then lasts for a transaction.
// It makes no difference to the result: what keeps two of them apart is the lock
// of the counter row.
func (s *Store) sequence() {
	for s.life.Err() == nil {
		if s.cfg.PollOnly {
			s.sequenceWith(s.pool)
		} else {
			s.lead()
		}
		if !s.rest(min(standbyPause, max(s.cfg.Sequence, 20*time.Millisecond)*10)) {
			return
		}
	}
}

// lead tries to get the advisory lock, and numbers until the connection is lost.
func (s *Store) lead() {
	ctx, cancel := s.within(s.life)
	defer cancel()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return
	}
	defer conn.Release()
	elected := false
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, 2)", lockKey(s.cfg.Schema)).Scan(&elected); err != nil || !elected {
		return
	}
	// The lock ends with the session: do not give it back to the pool.
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.life), time.Second)
		defer cancel()
		_ = conn.Conn().Close(ctx)
	}()
	s.sequenceWith(conn)
}

// sequenceWith numbers the outbox every Sequence, until a call fails.
func (s *Store) sequenceWith(q querier) {
	pause := s.cfg.Sequence
	for s.life.Err() == nil {
		n, err := s.sequenceOnce(q)
		if err != nil {
			return
		}
		if n > 0 {
			s.feed.Wake()
		}
		if n < sequenceAtOnce && !s.rest(pause) {
			return
		}
	}
}

func (s *Store) sequenceOnce(q querier) (n int, err error) {
	ctx, cancel := s.within(s.life)
	defer cancel()
	err = s.extending(func() error { return q.QueryRow(ctx, s.sql.sequence, sequenceAtOnce, s.once).Scan(&n) })
	return n, err
}

var _ querier = (*pgxpool.Conn)(nil)
