package pgstore

import (
	"context"

	"github.com/tidings-go/tidings/core/history"
)

// diverged reports whether the database is behind what was delivered, or has
// another entry at that position. page begins there.
func (s *Store) diverged(from history.Position, st state, page []*history.Entry) bool {
	if st.head < from.Seq {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range page {
		if _, differs := s.trail.Has(e); differs {
			return true
		}
		if e.Seq() > from.Seq {
			break
		}
	}
	return false
}

// diverge begins a new epoch after the newest entry that is the same as the one
// that was delivered.
func (s *Store) diverge(ctx context.Context, from history.Position, st state) error {
	s.mu.Lock()
	oldest := s.trail.Oldest()
	s.mu.Unlock()
	base := uint64(0)
	if oldest == 0 { // nothing was delivered since begin
		base = min(st.head, from.Seq)
	}
	for next := oldest; oldest > 0; {
		page, err := s.readTail(ctx, next, st)
		if err != nil {
			return err
		}
		same := 0
		s.mu.Lock()
		for _, e := range page {
			if has, _ := s.trail.Has(e); !has {
				break
			}
			base = e.Seq()
			same++
		}
		s.mu.Unlock()
		if same < len(page) || len(page) == 0 {
			break
		}
		next = base + 1
	}
	_, err := s.pool.Exec(ctx, s.sql.diverge, bigint(from.Epoch), bigint(base), bigint(from.Seq))
	return err
}
