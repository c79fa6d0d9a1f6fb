package pgstore

import (
	"context"

	"github.com/tidings-go/tidings/core/history"
)

// Forget implements [history.Store]. Calls at the same time share a transaction.
func (s *Store) Forget(ctx context.Context, channel string) error {
	return s.forgets.Forget(ctx, s.life, channel)
}

func (s *Store) forgetAll(names []string) (err error) {
	for range 2 { // the first connection may have been an old one
		err = s.exec(s.life, s.sql.forget, names)
		switch {
		case err == nil:
			return nil
		case s.life.Err() != nil:
			return history.ErrClosed
		case !isAway(err):
			return err
		}
	}
	return s.health.Gone(s.life, err)
}
