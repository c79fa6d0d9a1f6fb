package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"
)

const (
	maintainChannels = 500     // in one call
	sweepRows        = 20_000  // that are removed in one round
	maxTombs         = 100_000 // channels without events whose newest position is kept
)

// maintain removes what the retention does not keep, every Maintain.
func (s *Store) maintain() {
	for s.rest(s.cfg.Maintain) {
		_ = s.maintainOnce(s.life) // what fails is tried again in the next round
	}
}

// maintainOnce does a round, unless another store did one lately. It needs one
// connection at a time: behind a PgBouncer, there may be few.
func (s *Store) maintainOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 6*s.cfg.Timeout)
	defer cancel()
	claimed := false
	if err := s.pool.QueryRow(ctx, s.sql.claim, micros(s.cfg.Maintain*3/4)).Scan(&claimed); err != nil || !claimed {
		return err
	}
	total, err := s.trimAll(ctx)
	if err != nil {
		return err
	}
	if most := int64(s.cfg.Retention.TotalBytes); most > 0 && total > most {
		err = s.exec(ctx, s.sql.bound, most)
	}
	if err == nil {
		err = s.exec(ctx, s.sql.tidy, s.once, int64(s.cfg.Retention.OnceKeys), maxTombs)
	}
	if err == nil {
		err = s.exec(ctx, s.sql.sweep, sweepRows)
	}
	return err
}

// exec runs a statement in a transaction of its own.
func (s *Store) exec(ctx context.Context, text string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, 6*s.cfg.Timeout)
	defer cancel()
	_, err := s.pool.Exec(ctx, text, args...)
	return err
}

// trimAll notes for each channel what is no longer kept, and returns the size of
// the rest.
func (s *Store) trimAll(ctx context.Context) (total int64, err error) {
	for last := ""; ; {
		rows, err := s.pool.Query(ctx, s.sql.names, last, maintainChannels)
		if err != nil {
			return 0, err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(names) == 0 {
			return total, err
		}
		last = names[len(names)-1]
		var size int64
		if err := s.pool.QueryRow(ctx, s.sql.trim, s.bounds(names)...).Scan(&size); err != nil {
			return 0, err
		}
		total += size
	}
}
