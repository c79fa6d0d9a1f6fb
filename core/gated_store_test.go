package core_test

import (
	"context"
	"sync/atomic"

	"github.com/tidings-go/tidings/core"
)

// gatedStore is a store that can block reads, and counts concurrent ones.
type gatedStore struct {
	core.Store

	held      func(q core.Query) error // called for every page
	now, most atomic.Int64
}

func (s *gatedStore) Read(ctx context.Context, q core.Query) (core.Page, error) {
	if q.MaxEvents == 1 { // a look ahead
		return s.Store.Read(ctx, q)
	}
	now := s.now.Add(1)
	defer s.now.Add(-1)
	for most := s.most.Load(); now > most && !s.most.CompareAndSwap(most, now); most = s.most.Load() {
	}
	if err := s.held(q); err != nil {
		return core.Page{}, err
	}
	return s.Store.Read(ctx, q)
}
