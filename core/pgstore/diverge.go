package pgstore

import (
	"context"

	"github.com/tidings-go/tidings/core/history"
)

// diverge begins a new epoch after the newest entry that is the same as the one
// that was delivered.
func (s *Store) diverge(ctx context.Context, from history.Position, st state) error {
	base, err := s.feed.Common(from, st.head, func(next uint64) ([]*history.Entry, error) {
		return s.readTail(ctx, next, st)
	})
	if err == nil {
		_, err = s.pool.Exec(ctx, s.sql.diverge, bigint(from.Epoch), bigint(base), bigint(from.Seq))
	}
	return err
}
